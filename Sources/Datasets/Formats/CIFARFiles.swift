import Kernels
import Essentials
import Foundation

/// CIFAR-10, binary version: files of records, each a label byte and 3 x 32 x 32 pixels, planes red, green, blue.
/// Source: www.cs.toronto.edu/~kriz/cifar.html.
struct CIFARFiles: Sendable {
    static let classNames = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]
    static let shape = ImageShape(height: 32, width: 32, channels: 3)
    static let archiveName = "cifar-10-binary.tar.gz"
    static let officialRecords = 10_000
    static let trainNames = (1...5).map { "data_batch_\($0).bin" }
    static let testName = "test_batch.bin"

    let train: [ContentFile]
    let test: [ContentFile]
    /// The .tar.gz that the files are members of.
    let archive: String?
    /// Records of each file.
    let records: Int

    /// The files in a folder: each plain or .gz, else all of them out of the official .tar.gz.
    ///
    /// - Returns: the files, or the name of one that is missing.
    static func find(in folder: String, records: Int) -> (files: CIFARFiles?, missing: String) {
        let names = trainNames + [testName]
        let loose = names.map { ContentFile.find($0, in: folder) }
        if let missing = loose.firstIndex(where: { $0 == nil }) {
            let archive = (folder as NSString).appendingPathComponent(archiveName)
            guard FileManager.default.fileExists(atPath: archive) else { return (nil, names[missing]) }
            let members = names.map { ContentFile(path: archive, member: $0) }
            return (CIFARFiles(members, archive: archive, records: records), "")
        }
        return (CIFARFiles(loose.compactMap { $0 }, archive: nil, records: records), "")
    }

    private init(_ files: [ContentFile], archive: String?, records: Int) {
        train = Array(files.dropLast())
        test = files.suffix(1)
        self.archive = archive
        self.records = records
    }

    /// Reads and verifies the split's files whole and hands over the images whose index is `wanted`.
    func stream(
        _ files: [ContentFile], known: KnownDataset?, wanted: (Int) -> Bool,
        image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let official = try archive.map { try isOfficial($0, known: known) } ?? nil
        let imageBytes = CIFARFiles.shape.count
        let whole = RunningDigest()
        var indices: [Int32] = []
        var labels: [UInt8] = []
        var reports: [FileReport] = []
        let pixels = UnsafeMutableRawBufferPointer.allocate(byteCount: imageBytes, alignment: 16)
        defer { pixels.deallocate() }
        for (fileIndex, file) in files.enumerated() {
            let digest = RunningDigest()
            try file.streamRecords(
                headerBytes: 0, recordBytes: 1 + imageBytes, count: records, digests: [whole, digest]
            ) { first, bytes in
                for record in 0..<bytes.count / (1 + imageBytes) {
                    let label = bytes[record * (1 + imageBytes)]
                    guard Int(label) < CIFARFiles.classNames.count else {
                        throw labelFailure(
                            file, index: first + record, label: label, classes: CIFARFiles.classNames.count)
                    }
                    let index = fileIndex * records + first + record
                    guard wanted(index) else { continue }
                    indices.append(Int32(index))
                    labels.append(label)
                    let start = record * (1 + imageBytes) + 1
                    interleave(bytes[start..<start + imageBytes], into: pixels)
                    try image(index, UnsafeRawBufferPointer(pixels))
                }
            }
            reports.append(FileReport(path: file.label, digest: digest.finish(), isOfficial: official))
        }
        return StreamedImages(indices: indices, labels: labels, contentDigest: whole.finish(), files: reports)
    }

    /// Reads the archive to its end and compares it with the published one.
    private func isOfficial(_ archive: String, known: KnownDataset?) throws -> Bool? {
        try ContentFile(path: archive).readable { try TarReader.verify(archive) }
        return try known?.archive(of: CIFARFiles.archiveName).map { try md5(ofFile: archive) == $0.md5 }
    }

    private func interleave(_ planes: Slice<UnsafeRawBufferPointer>, into pixels: UnsafeMutableRawBufferPointer) {
        let area = CIFARFiles.shape.height * CIFARFiles.shape.width
        let planes = UnsafeRawBufferPointer(rebasing: planes)
        for i in 0..<area {
            for channel in 0..<3 { pixels[3 * i + channel] = planes[channel * area + i] }
        }
    }
}
