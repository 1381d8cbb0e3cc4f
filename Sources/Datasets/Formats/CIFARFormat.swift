import Kernels
import Essentials
import Foundation

/// CIFAR-10, binary version: five files of training records and one of test records, or the published archive of them.
/// Source: www.cs.toronto.edu/~kriz/cifar.html.
enum CIFAR10Format: DataFormat {
    static let name = "CIFAR-10, binary version"
    static let officialRecords = 10_000
    static let archiveName = "cifar-10-binary.tar.gz"
    static let classNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

    static func open(_ request: DataRequest) throws -> DataOpening {
        let records = request.cifarRecords
        return CIFARFiles.open(
            request, archive: archiveName, train: (1...5).map { ("data_batch_\($0).bin", records) },
            test: [("test_batch.bin", records)], labelBytes: 1, classNames: classNames)
    }
}

/// CIFAR-100, binary version: each record begins with the label of one of 20 groups, then that of one of 100 classes.
enum CIFAR100Format: DataFormat {
    static let name = "CIFAR-100, binary version"
    static let archiveName = "cifar-100-binary.tar.gz"

    static func open(_ request: DataRequest) throws -> DataOpening {
        let records = request.cifarRecords
        return CIFARFiles.open(
            request, archive: archiveName, train: [("train.bin", 5 * records)], test: [("test.bin", records)],
            labelBytes: 2, classNames: classNames)
    }

    static let classNames = """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can \
        castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin \
        elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster \
        man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck \
        pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk \
        skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger \
        tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
        """.split(separator: " ").map(String.init)
}

/// Files of records, each label bytes, the last of them the class, and 3 x 32 x 32 pixels: planes red, green, blue.
struct CIFARFiles: DataFiles {
    /// A file and the number of its records.
    typealias RecordFile = (file: ContentFile, records: Int)

    static let shape = ImageShape(height: 32, width: 32, channels: 3)

    private let train: [RecordFile]
    private let test: [RecordFile]
    /// The published archive's name.
    private let archiveName: String
    /// The archive that the files are members of.
    private let archive: String?
    private let labelBytes: Int
    private let names: [String]
    private let known: KnownDataset?

    var shape: ImageShape { Self.shape }
    var classes: Int { names.count }
    var classNames: [String]? { names }
    var trainCount: Int { train.reduce(0) { $0 + $1.records } }
    var testCount: Int { test.reduce(0) { $0 + $1.records } }
    var paths: [String] { archive.map { [$0] } ?? (train + test).map(\.file.path) }

    /// The files in a folder: each plain or .gz, else all of them out of the published .tar.gz.
    static func open(
        _ request: DataRequest, archive archiveName: String, train: [(name: String, records: Int)],
        test: [(name: String, records: Int)], labelBytes: Int, classNames: [String]
    ) -> DataOpening {
        let all = train + test
        var files = all.map { ContentFile.find($0.name, in: request.path) }
        var archive: String?
        if let missing = files.firstIndex(where: { $0 == nil }) {
            let path = request.file(archiveName)
            guard FileManager.default.fileExists(atPath: path) else {
                let lack = "lacks \(all[missing].name) (plain or .gz)"
                return files.allSatisfy { $0 == nil } ? .missing(lack) : .partial(lack)
            }
            archive = path
            files = all.map { ContentFile(path: path, member: $0.name) }
        }
        let records = zip(files.compactMap { $0 }, all).map { ($0, $1.records) }
        return .found(
            CIFARFiles(
                train: Array(records.prefix(train.count)), test: Array(records.suffix(test.count)),
                archiveName: archiveName, archive: archive, labelBytes: labelBytes, names: classNames,
                known: request.known))
    }

    /// Reads and verifies the split's files whole and hands over the images whose index is `wanted`.
    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let official = try archive.map { try isOfficial($0) } ?? nil
        let imageBytes = shape.count
        let recordBytes = labelBytes + imageBytes
        let whole = RunningDigest()
        var indices: [Int32] = []
        var labels: [UInt8] = []
        var reports: [FileReport] = []
        let pixels = UnsafeMutableRawBufferPointer.allocate(byteCount: imageBytes, alignment: 16)
        defer { pixels.deallocate() }
        var before = 0
        for (file, records) in split == .test ? test : train {
            let digest = RunningDigest()
            try file.streamRecords(
                headerBytes: 0, recordBytes: recordBytes, count: records, digests: [whole, digest]
            ) { first, bytes in
                for record in 0..<bytes.count / recordBytes {
                    let start = record * recordBytes + labelBytes
                    let label = bytes[start - 1]
                    guard Int(label) < classes else {
                        throw labelFailure(file, index: first + record, label: label, classes: classes)
                    }
                    let index = before + first + record
                    guard wanted(index) else { continue }
                    indices.append(Int32(index))
                    labels.append(label)
                    interleave(bytes[start..<start + imageBytes], into: pixels)
                    try image(index, UnsafeRawBufferPointer(pixels))
                }
            }
            before += records
            reports.append(FileReport(path: file.label, digest: digest.finish(), isOfficial: official))
        }
        return StreamedImages(indices: indices, labels: labels, contentDigest: whole.finish(), files: reports)
    }

    /// Reads the archive to its end and compares it with the published one.
    private func isOfficial(_ archive: String) throws -> Bool? {
        try ContentFile(path: archive).readable { try TarReader.verify(archive) }
        return try known?.archive(of: archiveName).map { try md5(ofFile: archive) == $0.md5 }
    }

    private func interleave(_ planes: Slice<UnsafeRawBufferPointer>, into pixels: UnsafeMutableRawBufferPointer) {
        let area = CIFARFiles.shape.height * CIFARFiles.shape.width
        let planes = UnsafeRawBufferPointer(rebasing: planes)
        for i in 0..<area {
            for channel in 0..<3 { pixels[3 * i + channel] = planes[channel * area + i] }
        }
    }
}
