import Essentials
import Kernels

/// A data set whose test split is a share of its images, drawn by a seed: of each class alike, or among all.
struct HeldOutFiles: DataFiles {
    private let base: any DataFiles
    private let train: [Int]
    private let test: [Int]
    private let note: String

    var shape: ImageShape { base.shape }
    var classes: Int { base.classes }
    var classNames: [String]? { base.classNames }
    var trainCount: Int { train.count }
    var testCount: Int { test.count }
    var paths: [String] { base.paths }
    var notes: [String] { base.notes + [note] }

    /// Takes the share out of the training files' images, whose labels are read; one image of a class, or of all, stays
    /// at least.
    init(_ base: some DataFiles, share: Double, rule: SplitRule, seed: UInt64) throws {
        self.base = base
        let labels = try base.labels(.train)
        var held = [Bool](repeating: false, count: labels.count)
        var random = Philox(seed: seed, purpose: .validationSplit)
        let order = random.permutation(labels.count).map { Int($0) }
        let groups =
            switch rule {
            case .random: [order]
            case .stratified: (0..<base.classes).map { label in order.filter { Int(labels[$0]) == label } }
            }
        for members in groups {
            let count = min(Int((Double(members.count) * share).rounded()), max(0, members.count - 1))
            for index in members.prefix(count) { held[index] = true }
        }
        train = held.indices.filter { !held[$0] }
        test = held.indices.filter { held[$0] }
        note =
            "the test split is \(share) of the images\(rule == .stratified ? " of each class" : ""), drawn by seed "
            + "\(seed)"
    }

    func labels(_ split: Split) throws -> [UInt8] {
        let all = try base.labels(.train)
        return (split == .test ? test : train).map { all[$0] }
    }

    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let members = split == .test ? test : train
        var places = [Int](repeating: -1, count: base.trainCount)
        for (place, index) in members.enumerated() { places[index] = place }
        let streamed = try base.stream(.train, wanted: { places[$0] >= 0 && wanted(places[$0]) }) {
            try image(places[$0], $1)
        }
        return StreamedImages(
            indices: streamed.indices.map { Int32(places[Int($0)]) }, labels: streamed.labels,
            contentDigest: streamed.contentDigest, files: streamed.files)
    }
}

extension DataFiles {
    /// The set with a test split of its own where the options ask for one and the files have none.
    ///
    /// - Throws: `Failure` 64 where the files have a test split already.
    func splitting(_ options: DataOptions) throws -> any DataFiles {
        guard let share = options.testShare else {
            if options.given.contains("test-split") && testCount == 0 {
                throw Failure(.usage, "the data set has no test split: say its share, as :test-share=0.1")
            }
            return self
        }
        guard testCount == 0 else {
            throw Failure(.usage, "the data set has a test split already: leave :test-share out")
        }
        return try HeldOutFiles(self, share: share, rule: options.testSplit, seed: options.seed)
    }
}
