import Essentials
import Foundation
import Kernels

/// A folder of pictures, as torchvision's ImageFolder: `train/CLASS/*.png` and `test/CLASS/*.png` (or `val`), or one of
/// the two alone; or the class folders alone, out of which a tenth of each class becomes the test split by a seed.
/// Classes are numbered in the order of their sorted names, and so are a class's pictures.
enum PictureFormat: DataFormat {
    static let name = "folder of pictures (PNG, JPEG)"
    static let parameters: Set = ["size"]

    /// The share of the test split where there is no folder `test`.
    private static let testShare = 0.1

    static func open(_ request: DataRequest) throws -> DataOpening {
        let top = PictureTree.folders(request.path)
        guard !top.isEmpty else { return .missing("lacks folders of pictures") }
        let test = try ["test", "val"].first(where: top.contains).map { try PictureTree(request.file($0)) }
        if top.contains("train") {
            let train = try PictureTree(request.file("train"))
            guard train.pictures.count > 0 else { return .missing("lacks pictures in train/CLASS") }
            return .found(try PictureFiles(train: train, test: test, size: request.options.size))
        }
        let all = try PictureTree(request.path)
        guard all.pictures.count > 0 else {
            guard let test, test.pictures.count > 0 else { return .missing("lacks folders of pictures") }
            return .found(try PictureFiles(train: nil, test: test, size: request.options.size))
        }
        let files = try PictureFiles(train: all, test: nil, size: request.options.size)
        guard request.options.testShare == nil else { return .found(files) }
        return .found(
            try HeldOutFiles(files, share: testShare, rule: request.options.testSplit, seed: request.options.seed))
    }
}

/// The class folders of a folder.
struct PictureTree: Sendable {
    let path: String
    /// The folders' names, sorted.
    let classes: [String]
    /// Each picture with its class's place among `classes`.
    let pictures: [(path: String, label: Int)]
    /// Pictures of other formats, which are not read.
    let foreign: [String]

    /// Endings of pictures that are not read.
    private static let foreignEndings: Set = ["bmp", "gif", "jp2", "pbm", "pgm", "ppm", "tif", "tiff", "webp"]

    init(_ path: String) throws {
        self.path = path
        classes = Self.folders(path)
        var foreign: [String] = []
        pictures = try classes.enumerated().flatMap { label, name in
            let folder = "\(path)/\(name)"
            do {
                let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted { utf8($0, $1) }
                foreign += files.filter { Self.foreignEndings.contains(Self.ending($0)) }.map { "\(folder)/\($0)" }
                return files.filter(Self.isPicture).map { (path: "\(folder)/\($0)", label: label) }
            } catch { throw Failure(.noInput, "cannot list the directory \(folder): \(error.localizedDescription)") }
        }
        self.foreign = foreign
    }

    private static func ending(_ name: String) -> String { (name as NSString).pathExtension.lowercased() }

    /// Hidden files are not: macOS leaves `._1.png` beside `1.png`.
    private static func isPicture(_ name: String) -> Bool {
        !name.hasPrefix(".") && PictureDecoder.endings.contains(ending(name))
    }

    /// True where pictures lie in a folder itself.
    static func holdsPictures(_ path: String) -> Bool {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).contains(where: isPicture)
    }

    /// The folders in a folder, hidden ones apart.
    static func folders(_ path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { !$0.hasPrefix(".") && FileManager.default.isDirectory("\(path)/\($0)") }
            .sorted { utf8($0, $1) }
    }
}

func utf8(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

/// A data set of pictures in class folders.
struct PictureFiles: DataFiles {
    let shape: ImageShape
    let notes: [String]
    private let names: [String]
    private let train: [(path: String, label: Int)]
    private let test: [(path: String, label: Int)]
    private let folders: [String]
    private let size: PictureSize?

    var classes: Int { names.count }
    var classNames: [String]? { names }
    var trainCount: Int { train.count }
    var testCount: Int { test.count }
    var paths: [String] { folders }

    /// A set of one or two folders of class folders, either of which may be the one.
    ///
    /// Looks at the pictures' headers: sizes have to be equal where none is given, and one in colour makes all of them
    /// so.
    init(train: PictureTree?, test: PictureTree?, size: PictureSize?) throws {
        let trees = [train, test].compactMap { $0 }
        folders = trees.map(\.path)
        names = Array(Set(trees.flatMap(\.classes))).sorted { utf8($0, $1) }
        guard names.count <= 256 else {
            throw Failure(.data, "\(folders[0]) holds \(names.count) class folders; at most 256 classes are possible")
        }
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        func numbered(_ tree: PictureTree) -> [(path: String, label: Int)] {
            tree.pictures.map { ($0.path, places[tree.classes[$0.label]] ?? 0) }
        }
        self.train = train.map(numbered) ?? []
        self.test = test.map(numbered) ?? []
        var first: (header: PictureHeader, path: String)?
        var isColoured = false
        for (path, _) in self.train + self.test {
            let header = try PictureHeader(path)
            try PictureDecoder.demandSize(header.height, header.width, path)
            isColoured = isColoured || header.isColoured
            if let first, size == nil,
                first.header.height != header.height || first.header.width != header.width
            {
                throw Failure(
                    .data,
                    "\(path) has \(header.height) x \(header.width) pixels but \(first.path) "
                        + "\(first.header.height) x \(first.header.width): bring all pictures to one size, or say "
                        + ":size=\(first.header.height)x\(first.header.width) behind the path to have them cropped "
                        + "and scaled")
            }
            if first == nil { first = (header, path) }
        }
        guard let first else { throw Failure(.data, "\(folders[0]) holds no pictures") }
        self.size = size
        shape = ImageShape(
            height: size?.height ?? first.header.height, width: size?.width ?? first.header.width,
            channels: isColoured ? 3 : 1)
        let names = names
        func lacking(_ pictures: [(path: String, label: Int)], _ split: String) -> [String] {
            let present = Set(pictures.map(\.label))
            let missing = names.indices.filter { !present.contains($0) }.map { names[$0] }
            return missing.isEmpty ? [] : ["no \(split) pictures of \(missing.prefix(10).joined(separator: ", "))"]
        }
        let foreign = trees.flatMap(\.foreign)
        let left =
            foreign.first.map { ["\(foreign.count) pictures are neither PNG nor JPEG and left out, as \($0)"] } ?? []
        notes =
            (train == nil ? [DatasetDescription.forEvaluationAlone] : lacking(self.train, "training"))
            + (test == nil ? [] : lacking(self.test, "test")) + left
    }

    func labels(_ split: Split) -> [UInt8] { (split == .test ? test : train).map { UInt8($0.label) } }

    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let members = split == .test ? test : train
        let whole = RunningDigest()
        var indices: [Int32] = []
        var grey = [UInt8](repeating: 0, count: shape.area)
        try PictureDecoder.decode(members.map(\.path)) { index, decoded in
            let picture = size.map { decoded.scaled(to: $0) } ?? decoded
            guard picture.height == shape.height, picture.width == shape.width else {
                throw Failure(.data, "\(members[index].path) changed while it was read; run again when it is complete")
            }
            func take(_ bytes: UnsafeRawBufferPointer) throws {
                whole.update(bytes)
                guard wanted(index) else { return }
                indices.append(Int32(index))
                try image(index, bytes)
            }
            if shape.channels == 3 {
                try picture.pixels.withUnsafeBytes(take)
            } else {
                for i in grey.indices { grey[i] = picture.pixels[3 * i] }
                try grey.withUnsafeBytes(take)
            }
        }
        let labels = members.map { UInt8($0.label) }
        labels.withUnsafeBytes { whole.update($0) }
        let digest = whole.finish()
        return StreamedImages(
            indices: indices, labels: indices.map { labels[Int($0)] }, contentDigest: digest,
            files: members.isEmpty
                ? []
                : [
                    FileReport(
                        path: split == .test ? folders[folders.count - 1] : folders[0], digest: digest, isOfficial: nil)
                ])
    }
}

/// The size and kind of a picture, by its first bytes.
struct PictureHeader {
    let height: Int
    let width: Int
    let isColoured: Bool

    /// Reads the header.
    ///
    /// - Throws: `Failure` 65 where it is neither PNG nor JPEG, or ends in its header.
    init(_ path: String) throws {
        let file = try FileStream(path)
        var bytes = [UInt8](repeating: 0, count: min(file.size, 1 << 18))
        let got = try bytes.withUnsafeMutableBytes { try file.readFully(into: $0) }
        bytes.removeLast(bytes.count - got)
        func big(_ at: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]), bytes.count >= 26 {
            // IHDR: width, height, depth, kind: grey 0 and 4; a palette counts as colour.
            (width, height) = (big(16, 4), big(20, 4))
            isColoured = bytes[25] & 2 != 0
            return
        }
        guard bytes.starts(with: [0xFF, 0xD8]) else {
            throw Failure(.data, "\(path) is neither a PNG nor a JPEG file, or is cut off")
        }
        // Segments up to the start of a frame (SOF0 to SOF15 without DHT, JPG and DAC).
        var at = 2
        while at + 9 < bytes.count, bytes[at] == 0xFF {
            let marker = bytes[at + 1]
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                (height, width) = (big(at + 5, 2), big(at + 7, 2))
                isColoured = bytes[at + 9] != 1
                return
            }
            at += marker == 0xFF ? 1 : 2 + big(at + 2, 2)
        }
        throw Failure(.data, "\(path) is a JPEG file without a frame, or is cut off")
    }
}
