import Kernels
import Essentials
import Foundation

/// IDX, MNIST's format: four files, images and labels of each split, plain or .gz. Bytes are the usual type; a file of
/// another one is read as an array.
enum IDXFormat: DataFormat {
    static let name = "IDX"
    static let parameters = DataOptions.ofArrays

    static func open(_ request: DataRequest) throws -> DataOpening {
        var files: [ContentFile] = []
        for alternatives in [
            ["train-images-idx3-ubyte", "train-images-idx4-ubyte"], ["train-labels-idx1-ubyte"],
            ["t10k-images-idx3-ubyte", "t10k-images-idx4-ubyte"], ["t10k-labels-idx1-ubyte"],
        ] {
            // Files of other types have their names too: `train-labels-idx1-int`, or `-idx2-int`, as QMNIST's.
            let stems =
                alternatives + alternatives.map { $0.replacingOccurrences(of: "ubyte", with: "int") }
                + alternatives.map { $0.replacingOccurrences(of: "ubyte", with: "float") }
            guard let file = stems.lazy.compactMap({ ContentFile.find($0, in: request.path) }).first else {
                let lack = "lacks \(alternatives[0]) (plain or .gz)"
                return files.isEmpty ? .missing(lack) : .partial(lack)
            }
            files.append(file)
        }
        let kinds = try files.map { try $0.head(4)[2] }
        if kinds.allSatisfy({ $0 == IDXHeader.byteType }), request.options == DataOptions() {
            let train = try IDXSplit(images: files[0], labels: files[1])
            let test = try IDXSplit(images: files[2], labels: files[3])
            return .found(try IDXFiles(train: train, test: test, known: request.known))
        }
        let arrays = try files.map { try IDXHeader.array($0) }
        func split(_ images: DataArray, _ labels: DataArray) throws -> ArraySplit {
            try ArraySplit(images: images, labels: labels, layout: request.options.layout, request.options)
        }
        return .found(try ArrayFiles(split(arrays[0], arrays[1]), split(arrays[2], arrays[3])))
    }
}

/// A data set in four files of bytes.
struct IDXFiles: DataFiles {
    let classes: Int
    private let train: IDXSplit
    private let test: IDXSplit
    private let known: KnownDataset?

    var shape: ImageShape { train.shape }
    var classNames: [String]? { known?.classNames }
    var trainCount: Int { train.count }
    var testCount: Int { test.count }
    var paths: [String] { [train.images, train.labels, test.images, test.labels].map(\.path) }
    var notes: [String] { train.notes }

    /// - Throws: `Failure` 65 where the splits do not agree.
    init(train: IDXSplit, test: IDXSplit, known: KnownDataset?) throws {
        guard train.shape == test.shape else {
            throw Failure(
                .data,
                "\(train.images.label) holds \(train.shape) images but \(test.images.label) \(test.shape) ones; "
                    + "both splits need the same shape")
        }
        guard train.count > 0 else { throw Failure(.data, "\(train.images.label) holds no images") }
        (self.train, self.test, self.known) = (train, test, known)
        classes = try known?.classes ?? Int(train.largestLabel() ?? 0) + 1
    }

    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        try (split == .test ? test : train).stream(classes: classes, known: known, wanted: wanted, image: image)
    }
}

/// The header of an IDX file: 0, 0, the type (8: bytes), the number of dimensions, then each as a big-endian UInt32.
/// Source: yann.lecun.com/exdb/mnist.
struct IDXHeader: Sendable {
    let dimensions: [Int]

    static let byteType: UInt8 = 8
    private static let kinds: [UInt8: NumberKind] = [
        byteType: .uint8, 9: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
    ]

    /// A file of any type as an array.
    static func array(_ file: ContentFile) throws -> DataArray {
        let magic = try file.head(4)
        guard magic[0] == 0, magic[1] == 0, let kind = kinds[magic[2]], (1...4).contains(magic[3]) else {
            throw Failure(.data, "\(file.label) is no IDX file: it starts with \(magic.hexadecimal)")
        }
        let rank = Int(magic[3])
        let bytes = try file.head(4 + 4 * rank)
        let header = IDXHeader(dimensions: bytes.bigEndianWords(from: 4))
        return try DataArray(
            label: file.label, path: file.path, kind: kind, isBigEndian: true, shape: header.dimensions
        ) {
            let stream = try file.open()
            var skipped = [UInt8](repeating: 0, count: header.size)
            _ = try skipped.withUnsafeMutableBytes { try stream.readFully(into: $0) }
            return stream
        }.checked()
    }

    /// Bytes of the header.
    var size: Int { 4 + 4 * dimensions.count }

    /// Reads the header; `ranks` are the numbers of dimensions that the reader can use.
    static func read(_ file: ContentFile, ranks: ClosedRange<Int>) throws -> IDXHeader {
        let magic = try file.head(4)
        let rank = Int(magic[3])
        guard magic[0] == 0, magic[1] == 0, magic[2] == byteType, ranks.contains(rank) else {
            let wanted = ranks.map { "0000080\($0)" }.joined(separator: " or ")
            throw Failure(
                .data,
                "\(file.label) is not the IDX file that its name says: it starts with \(magic.hexadecimal), "
                    + "expected \(wanted); copy or fetch it again")
        }
        let bytes = try file.head(4 + 4 * rank)
        return IDXHeader(dimensions: bytes.bigEndianWords(from: 4))
    }

    /// Header and content together; nil where that is beyond counting.
    var fileSize: Int? {
        var total = 1
        for dimension in dimensions {
            let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            total = product
        }
        return total < Int.max - size ? total + size : nil
    }

    static func bytes(_ dimensions: [Int]) -> [UInt8] {
        [0, 0, 8, UInt8(dimensions.count)]
            + dimensions.flatMap { dimension in (0..<4).map { UInt8(truncatingIfNeeded: dimension >> (24 - 8 * $0)) } }
    }
}

/// The two files of a split.
struct IDXSplit: Sendable {
    let images: ContentFile
    let labels: ContentFile
    let imageHeader: IDXHeader
    let labelHeader: IDXHeader
    let shape: ImageShape
    /// True where the channels come before the rows.
    private let isPlanar: Bool
    var count: Int { imageHeader.dimensions[0] }

    /// Reads the headers and checks that they agree.
    init(images: ContentFile, labels: ContentFile) throws {
        self.images = images
        self.labels = labels
        imageHeader = try IDXHeader.read(images, ranks: 3...4)
        labelHeader = try IDXHeader.read(labels, ranks: 1...1)
        let d = imageHeader.dimensions
        guard d.dropFirst().allSatisfy({ $0 > 0 }), d[0] <= Int(Int32.max), imageHeader.fileSize != nil else {
            throw Failure(
                .data,
                "\(images.label) claims images of an impossible size, "
                    + "\(d.map(String.init).joined(separator: " x ")); copy or fetch it again")
        }
        guard d[0] == labelHeader.dimensions[0] else {
            throw Failure(
                .data,
                "\(images.label) holds \(d[0]) images but \(labels.label) \(labelHeader.dimensions[0]) labels; "
                    + "copy or fetch both again")
        }
        // Channels last, unless the shape can only mean channels first: 1 to 4 of them.
        isPlanar = d.count == 4 && (1...4).contains(d[1]) && !(1...4).contains(d[3])
        shape =
            isPlanar
            ? ImageShape(height: d[2], width: d[3], channels: d[1])
            : ImageShape(height: d[1], width: d[2], channels: d.count == 4 ? d[3] : 1)
    }

    /// Sentences on how the files were understood.
    var notes: [String] {
        guard imageHeader.dimensions.count == 4 else { return [] }
        return ["\(images.label) is read as [N, \(isPlanar ? "C, H, W" : "H, W, C")], images of \(shape)"]
    }

    /// Throws where a file is not of the size that its header says.
    func checkSizes() throws {
        for (file, header) in [(images, imageHeader), (labels, labelHeader)] {
            if let size = header.fileSize { try file.checkSize(size) }
        }
    }

    /// The largest label, streamed; nil where there are no labels.
    func largestLabel() throws -> UInt8? {
        try checkSizes()
        var largest: UInt8?
        try labels.streamRecords(headerBytes: labelHeader.size, recordBytes: 1, count: count, digests: []) { _, bytes in
            largest = max(largest ?? 0, bytes.max() ?? 0)
        }
        return largest
    }

    /// Reads and verifies both files whole and hands over the images whose index is `wanted`.
    func stream(
        classes: Int, known: KnownDataset?, wanted: (Int) -> Bool,
        image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        try checkSizes()
        let whole = RunningDigest()
        let imageBytes = shape.count

        var indices: [Int32] = []
        let imageDigest = RunningDigest()
        var interleaved = [UInt8](repeating: 0, count: isPlanar ? imageBytes : 0)
        try images.streamRecords(
            headerBytes: imageHeader.size, recordBytes: imageBytes, count: count, digests: [whole, imageDigest]
        ) { first, bytes in
            for index in first..<first + bytes.count / imageBytes where wanted(index) {
                indices.append(Int32(index))
                let offset = (index - first) * imageBytes
                let pixels = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + imageBytes])
                guard isPlanar else {
                    try image(index, pixels)
                    continue
                }
                for i in 0..<shape.area {
                    for c in 0..<shape.channels {
                        interleaved[i * shape.channels + c] = pixels[c * shape.area + i]
                    }
                }
                try interleaved.withUnsafeBytes { try image(index, $0) }
            }
        }

        var keptLabels: [UInt8] = []
        keptLabels.reserveCapacity(indices.count)
        let labelDigest = RunningDigest()
        try labels.streamRecords(
            headerBytes: labelHeader.size, recordBytes: 1, count: count, digests: [whole, labelDigest]
        ) { first, bytes in
            if let bad = bytes.firstIndex(where: { Int($0) >= classes }) {
                throw labelFailure(labels, index: first + bad, label: bytes[bad], classes: classes)
            }
            while keptLabels.count < indices.count && Int(indices[keptLabels.count]) < first + bytes.count {
                keptLabels.append(bytes[Int(indices[keptLabels.count]) - first])
            }
        }
        return StreamedImages(
            indices: indices, labels: keptLabels, contentDigest: whole.finish(),
            files: try [(images, imageDigest), (labels, labelDigest)].map { file, digest in
                try report(file, digest: digest.finish(), known: known)
            })
    }

    /// Official by its content's digest where one is published, else by the archive's where the archive is at hand.
    private func report(_ file: ContentFile, digest: String, known: KnownDataset?) throws -> FileReport {
        let name = (file.path as NSString).lastPathComponent
        let archive = known?.archive(of: name)
        var official = archive?.content.map { $0 == digest }
        if official == nil, let archive, archive.name == name, try md5(ofFile: file.path) == archive.md5 {
            official = true
        }
        return FileReport(path: file.label, digest: digest, isOfficial: official)
    }
}

extension [UInt8] {
    /// Big-endian words of 32 bits from an offset to the end.
    fileprivate func bigEndianWords(from start: Int) -> [Int] {
        stride(from: start, to: count - 3, by: 4).map { at in (0..<4).reduce(0) { $0 << 8 | Int(self[at + $1]) } }
    }
}

func labelFailure(_ file: ContentFile, index: Int, label: UInt8, classes: Int) -> Failure {
    Failure(
        .data,
        "\(file.label): the label of image \(index) is \(label), expected 0...\(classes - 1); copy or fetch it again")
}
