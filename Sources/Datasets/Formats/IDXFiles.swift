import Kernels
import Essentials
import Foundation

/// The header of an IDX file of bytes: 0, 0, 8, the number of dimensions, then each as a big-endian UInt32.
/// Source: yann.lecun.com/exdb/mnist.
struct IDXHeader: Sendable {
    let dimensions: [Int]

    /// Bytes of the header.
    var size: Int { 4 + 4 * dimensions.count }

    /// Reads the header; `ranks` are the numbers of dimensions that the reader can use.
    static func read(_ file: ContentFile, ranks: ClosedRange<Int>) throws -> IDXHeader {
        let magic = try file.head(4)
        let rank = Int(magic[3])
        guard magic[0] == 0, magic[1] == 0, magic[2] == 8, ranks.contains(rank) else {
            let wanted = ranks.map { "0000080\($0)" }.joined(separator: " or ")
            throw Failure(
                .data,
                "\(file.label) is not the IDX file that its name says: it starts with \(magic.hexadecimal), "
                    + "expected \(wanted); copy or fetch it again")
        }
        let bytes = try file.head(4 + 4 * rank)
        return IDXHeader(
            dimensions: (0..<rank).map { d in (0..<4).reduce(0) { $0 << 8 | Int(bytes[4 + 4 * d + $1]) } })
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
        shape = ImageShape(height: d[1], width: d[2], channels: d.count == 4 ? d[3] : 1)
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
        try images.streamRecords(
            headerBytes: imageHeader.size, recordBytes: imageBytes, count: count, digests: [whole, imageDigest]
        ) { first, bytes in
            for index in first..<first + bytes.count / imageBytes where wanted(index) {
                indices.append(Int32(index))
                let offset = (index - first) * imageBytes
                try image(index, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + imageBytes]))
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

func labelFailure(_ file: ContentFile, index: Int, label: UInt8, classes: Int) -> Failure {
    Failure(
        .data,
        "\(file.label): the label of image \(index) is \(label), expected 0...\(classes - 1); copy or fetch it again")
}
