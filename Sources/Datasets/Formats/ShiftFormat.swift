import Essentials
import Foundation
import Kernels

/// Sets that are for evaluation alone: the same test images, changed in one way after another, as MNIST-C and
/// CIFAR-10-C are published. A part of such a set is named behind its path: `CIFAR-10-C:part=fog/3`.
///
/// - CIFAR-10-C (Hendrycks & Dietterich 2019): a folder with one .npy file a corruption, its five severities one after
///   another in blocks, and `labels.npy`, of one block or of all five. Parts: `fog/1` to `fog/5`.
/// - MNIST-C (Mu & Gilmer 2019): a folder for each corruption with `test_images.npy` and `test_labels.npy`. Parts:
///   `fog`.
enum ShiftFormat: DataFormat {
    static let name = "folder of changed test images (CIFAR-10-C, MNIST-C)"
    static let parameters: Set = ["part"]
    /// The severities in a corruption's file.
    private static let severities = 5
    /// Arrays that say that the folder is a set of another kind.
    private static let others: Set<String> = ["images", "train_images", "x_train", "X_train", "x", "X", "data"]

    static func open(_ request: DataRequest) throws -> DataOpening {
        let parts = try blocks(request) ?? folders(request)
        guard !parts.isEmpty else { return .missing("lacks changed test images") }
        guard let wanted = request.options.part else { return .found(try ShiftFiles(parts)) }
        guard let part = parts.first(where: { $0.name == wanted }) else {
            throw Failure(
                .usage, "\(request.path): " + unknownName("part", wanted, among: parts.map(\.name)))
        }
        return .found(try ShiftFiles([part]))
    }

    private static func arrays(_ folder: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }.sorted(by: utf8)
    }

    private static func array(_ path: String) throws -> DataArray {
        try NPYHeader.array(label: path, path: path) { try FileStream(path) }
    }

    /// CIFAR-10-C's way; nil where the folder is none of it.
    private static func blocks(_ request: DataRequest) throws -> [ShiftFiles.Part]? {
        let names = arrays(request.path)
        guard names.contains("labels"), names.count > 1, others.isDisjoint(with: names) else { return nil }
        let labels = try array(request.file("labels.npy"))
        return try names.filter { $0 != "labels" }.flatMap { name -> [ShiftFiles.Part] in
            let images = try array(request.file(name + ".npy"))
            let rows = images.shape.first ?? 0
            guard rows > 0, rows % severities == 0, [rows, rows / severities].contains(labels.shape.first ?? 0) else {
                throw Failure(
                    .data,
                    "\(images.label) holds \(rows) images and \(labels.label) \(labels.shape.first ?? 0) labels: "
                        + "\(severities) severities, one after another, have labels for one of them or for all")
            }
            let block = rows / severities
            return try (0..<severities).map { severity in
                let range = severity * block..<(severity + 1) * block
                let part = "severity \(severity + 1)"
                return ShiftFiles.Part(
                    name: "\(name)/\(severity + 1)",
                    split: try ArraySplit(
                        images: images.rows(range, part: part),
                        labels: labels.shape[0] == rows ? labels.rows(range, part: part) : labels, layout: nil,
                        request.options))
            }
        }
    }

    /// MNIST-C's way.
    private static func folders(_ request: DataRequest) throws -> [ShiftFiles.Part] {
        try PictureTree.folders(request.path).compactMap { name in
            let (images, labels) = (
                request.file(name + "/test_images.npy"), request.file(name + "/test_labels.npy")
            )
            guard FileManager.default.fileExists(atPath: images), FileManager.default.fileExists(atPath: labels) else {
                return nil
            }
            return ShiftFiles.Part(
                name: name,
                split: try ArraySplit(
                    images: try array(images), labels: try array(labels), layout: nil, request.options))
        }
    }
}

/// The parts of a set of changed test images: one after another they are its test split.
struct ShiftFiles: DataFiles {
    struct Part: Sendable {
        let name: String
        let split: ArraySplit
    }

    let parts: [Part]
    let shape: ImageShape
    let classes: Int
    let classNames: [String]? = nil
    let trainCount = 0
    var testCount: Int { parts.reduce(0) { $0 + $1.split.count } }
    let paths: [String]
    var notes: [String] {
        [
            "for evaluation alone: `evaluate NET --dataset` takes its \(parts.count) "
                + "part\(parts.count == 1 ? "" : "s") in turn"
        ]
    }

    init(_ parts: [Part]) throws {
        self.parts = parts
        shape = parts[0].split.shape
        for part in parts where part.split.shape != shape {
            throw Failure(
                .data,
                "\(part.split.images.label) has images of \(part.split.shape), but \(parts[0].split.images.label) of "
                    + "\(shape)")
        }
        classes = try 1 + parts.reduce(0) { max($0, Int(try $1.split.classes().max() ?? 0)) }
        var paths: [String] = []
        for part in parts {
            for path in [part.split.images.path, part.split.labels.path] where !paths.contains(path) {
                paths.append(path)
            }
        }
        self.paths = paths
    }

    func labels(_ split: Split) throws -> [UInt8] {
        split == .test ? try parts.flatMap { try $0.split.classes() } : []
    }

    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        guard split == .test else { return .none }
        let whole = Digest()
        var (indices, labels, files): ([Int32], [UInt8], [FileReport]) = ([], [], [])
        var before = 0
        for part in parts {
            let start = before
            let streamed = try part.split.stream(classes: classes, wanted: { wanted(start + $0) }) {
                try image(start + $0, $1)
            }
            indices += streamed.indices.map { $0 + Int32(start) }
            labels += streamed.labels
            files += streamed.files
            whole.update(streamed.contentDigest)
            before += part.split.count
        }
        let digest = whole.finish().hexadecimal
        return StreamedImages(indices: indices, labels: labels, contentDigest: digest, files: files)
    }
}

extension Dataset {
    /// The parts of a set that is for evaluation alone, each with the name by which it is located and the one that
    /// results have: `CIFAR-10-C/fog/3`. None where the set is of another kind. Reads headers and labels.
    ///
    /// - Throws: `Failure` as `locate`.
    public static func parts(of name: String, directory: String? = nil) throws -> [(locator: String, name: String)] {
        let dataset = try locate(name, directory: directory)
        guard let files = dataset.files as? ShiftFiles else { return [] }
        // A part that the name says already is the only one.
        let base = try DataOptions.withoutPart(name)
        return files.parts.map { ("\(base):part=\($0.name)", "\(dataset.description.name)/\($0.name)") }
    }
}
