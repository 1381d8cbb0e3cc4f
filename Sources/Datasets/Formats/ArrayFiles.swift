import Essentials
import Kernels

/// Named arrays in a file or folder.
protocol ArrayCollection {
    /// How messages name the whole.
    var label: String { get }
    /// The names of the arrays.
    var names: [String] { get }
    /// The array of a name: its header is read.
    func array(_ name: String) throws -> DataArray
}

/// A data set of arrays: two for each split. Without training images it is for evaluation alone.
struct ArrayFiles: DataFiles {
    let shape: ImageShape
    let classes: Int
    let classNames: [String]? = nil
    let paths: [String]
    let notes: [String]
    private let train: ArraySplit?
    private let test: ArraySplit?

    var trainCount: Int { train?.count ?? 0 }
    var testCount: Int { test?.count ?? 0 }

    /// The names that images and labels have in published sets, without and with a split.
    private static let conventions: [(train: (String, String), test: (String, String))] = [
        // MedMNIST.
        (("train_images", "train_labels"), ("test_images", "test_labels")),
        // Keras.
        (("x_train", "y_train"), ("x_test", "y_test")), (("X_train", "y_train"), ("X_test", "y_test")),
        // The data files of steadfast.
        (("train/images", "train/labels"), ("test/images", "test/labels")),
        (("images", "labels"), ("", "")), (("x", "y"), ("", "")), (("X", "y"), ("", "")),
        (("data", "labels"), ("", "")),
    ]

    /// Chooses the arrays of a collection, as the options name them or as their names tell.
    ///
    /// - Parameter layout: the format's own; nil: told from the shape.
    /// - Throws: `Failure` 65 naming what is there where that does not tell.
    init(_ collection: some ArrayCollection, layout: PixelLayout? = nil, _ options: DataOptions) throws {
        let layout = options.layout ?? layout
        let names = try ArrayFiles.choose(collection, options)
        func split(_ pair: (String, String)) throws -> ArraySplit {
            try ArraySplit(
                images: try collection.array(pair.0), labels: try collection.array(pair.1), layout: layout, options)
        }
        try self.init(try names.train.map(split), names.test.map(split))
    }

    /// A set of one or two splits, either of which may be the one.
    init(_ train: ArraySplit?, _ test: ArraySplit?) throws {
        guard let first = train ?? test else { preconditionFailure("a set of no split") }
        self.train = train
        self.test = test
        shape = first.shape
        let firstLabel = first.firstLabel
        guard first.count + (test?.count ?? 0) > 0 else {
            throw Failure(.data, "\(first.images.label) holds no images")
        }
        if let test, test.shape != shape {
            throw Failure(
                .data,
                "\(first.images.label) holds \(shape) images but \(test.images.label) \(test.shape) ones; "
                    + "both splits need the same shape")
        }
        let (trained, tested) = (Set(try train?.classes() ?? []), Set(try test?.classes() ?? []))
        let all = trained.union(tested)
        classes = Int(all.max() ?? 0) + 1
        let least = Int(all.min() ?? 0)
        var notes = (train?.count ?? 0) == 0 ? [DatasetDescription.forEvaluationAlone] : []
        if least > 0, firstLabel == 0 {
            notes.append(
                "the least label is \(least): classes below it are empty; :first-label=\(least) maps it to class 0")
        }
        for (missing, split) in [(all.subtracting(trained), "training"), (all.subtracting(tested), "test")]
        where !missing.isEmpty && !trained.isEmpty && test != nil {
            let list = missing.sorted().prefix(10).map { "\(Int($0) + firstLabel)" }.joined(separator: ", ")
            notes.append("no \(split) images with the label\(missing.count == 1 ? "" : "s") \(list)")
        }
        self.notes = notes
        var paths: [String] = []
        for split in [train, test].compactMap({ $0 }) {
            for array in [split.images, split.labels] where !paths.contains(array.path) { paths.append(array.path) }
        }
        self.paths = paths
    }

    func labels(_ split: Split) throws -> [UInt8] { try (split == .test ? test : train)?.classes() ?? [] }

    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        guard let chosen = split == .test ? test : train else { return .none }
        return try chosen.stream(classes: classes, wanted: wanted, image: image)
    }

    private static func choose(
        _ collection: some ArrayCollection, _ options: DataOptions
    ) throws -> (train: (String, String)?, test: (String, String)?) {
        let known = Set(collection.names)
        let held = "it holds " + (known.isEmpty ? "no arrays" : known.sorted().prefix(20).joined(separator: ", "))
        func named(_ images: String?, _ labels: String?, _ what: String) throws -> (String, String)? {
            guard images != nil || labels != nil else { return nil }
            guard let images, let labels else {
                throw Failure(.usage, "\(collection.label): name both arrays of the \(what): images and labels")
            }
            for name in [images, labels] where !known.contains(name) {
                throw Failure(.data, "\(collection.label) has no array '\(name)'; \(held)")
            }
            return (images, labels)
        }
        let test = try named(options.testImages, options.testLabels, "test split")
        if let train = try named(options.images, options.labels, "training split") { return (train, test) }
        for convention in conventions {
            let (a, b) = convention.train
            guard known.contains(a), known.contains(b) else { continue }
            let (c, d) = convention.test
            return ((a, b), test ?? (known.contains(c) && known.contains(d) ? (c, d) : nil))
        }
        let tests = conventions.map(\.test).filter { known.contains($0.0) && known.contains($0.1) }
        if let alone = test ?? tests.first { return (nil, alone) }
        throw Failure(
            .data,
            "\(collection.label): its names do not tell which arrays are images and labels; \(held). Say "
                + ":images=NAME:labels=NAME behind the data set's path")
    }
}

extension StreamedImages {
    /// An empty split.
    static let none = StreamedImages(
        indices: [], labels: [], contentDigest: Digest().finish().hexadecimal, files: [])
}
