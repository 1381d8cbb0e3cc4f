import Datasets
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Sets of changed test images") struct ShiftTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Two images of 5 x 5 x 3 for each of five severities: severity s of image i has the pixels 10 s + i.
    private func blocks(_ offset: Int) -> [UInt8] {
        NumPy.npy(
            "|u1", [10, 5, 5, 3],
            (0..<10).flatMap { [UInt8](repeating: UInt8(offset + 10 * ($0 / 2) + $0 % 2), count: 75) }
        )
    }

    @Test("CIFAR-10-C's folder has a part for each corruption and severity, with labels of one block or of all five")
    func severities() throws {
        try folder.write(blocks(1), to: "fog.npy")
        try folder.write(blocks(100), to: "blur.npy")
        for labels in [[2, 0], [2, 0, 2, 0, 2, 0, 2, 0, 2, 0]] as [[UInt8]] {
            try folder.write(NumPy.npy("|u1", [labels.count], labels), to: "labels.npy")
            let parts = try Dataset.parts(of: folder.path)
            let name = (folder.path as NSString).lastPathComponent
            #expect(parts.map(\.name) == ["blur", "fog"].flatMap { kind in (1...5).map { "\(name)/\(kind)/\($0)" } })
            let fog = try Dataset.locate(parts[7].locator)
            #expect(fog.description.testCount == 2 && fog.description.trainCount == 0)
            let images = try fog.read(.test)
            #expect(images.labels == [2, 0] && images.indices == [0, 1])
            #expect(images.pixels == [UInt8](repeating: 21, count: 75) + [UInt8](repeating: 22, count: 75))
            #expect(try Dataset.parts(of: parts[7].locator).map(\.name) == [parts[7].name])
        }
        // Labels of one block are read five times and are one file; blocks of images are told apart.
        try folder.write(NumPy.npy("|u1", [2], [2, 0]), to: "labels.npy")
        let report = try Dataset.verify(folder.path)
        #expect(report.digests.map(\.split) == ["the test split"])
        let files = report.files.map { ($0.path as NSString).lastPathComponent }
        #expect(files.count == 11 && Set(files).count == 11)
        #expect(files.contains("fog.npy, severity 3") && files.contains("labels.npy"))
        let whole = try Dataset.locate(folder.path)
        #expect(whole.description.testCount == 20 && whole.description.classes == 3)
        // The last image of the last part, fog/5: 1 + 10 * 4 + 1.
        #expect(try whole.read(.test) { $0 == 19 }.pixels.first == 42)
        #expect(try whole.counts(.test) == [10, 0, 10])
        expectFailure(.usage, "part 'fog/6'", "did you mean 'fog/1'") {
            try Dataset.locate(folder.path + ":part=fog/6")
        }
        try folder.write(NumPy.npy("|u1", [3], [0, 1, 2]), to: "labels.npy")
        expectFailure(.data, "blur.npy", "10 images", "3 labels") { try Dataset.locate(folder.path) }
    }

    @Test("MNIST-C's folder has a part for each corruption")
    func folders() throws {
        for (place, kind) in ["identity", "zigzag"].enumerated() {
            try FileManager.default.createDirectory(
                atPath: folder.file(kind), withIntermediateDirectories: true)
            try folder.write(
                NumPy.npy("|u1", [3, 5, 5, 1], [UInt8](repeating: UInt8(place), count: 75)),
                to: kind + "/test_images.npy")
            try folder.write(
                NumPy.npy("<i8", [3], [0, 1, 2].flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] }), to: kind + "/test_labels.npy")
        }
        let parts = try Dataset.parts(of: folder.path)
        #expect(parts.map { ($0.name as NSString).lastPathComponent } == ["identity", "zigzag"])
        #expect(try Dataset.locate(parts[1].locator).read(.test).pixels == [UInt8](repeating: 1, count: 75))
    }

    @Test("another set has no parts")
    func others() throws {
        try MadeUpIDX().write(into: folder)
        #expect(try Dataset.parts(of: folder.path + "/").isEmpty)
        #expect(try Dataset.parts(of: "glyphs").isEmpty)
    }
}
