import Datasets
import Foundation
import TestSupport
import Testing

@Suite("CIFAR-10's binary files") struct CIFARTests {
    static let records = 20
    static let names = (1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]

    /// Record r of file f: label (r + f) mod 10, pixel (channel, i) = f + r + i + 85 channel.
    func content(_ file: Int) -> [UInt8] {
        (0..<CIFARTests.records).flatMap { r -> [UInt8] in
            [UInt8((r + file) % 10)]
                + (0..<3072).map { UInt8(truncatingIfNeeded: file + r + $0 % 1024 + 85 * ($0 / 1024)) }
        }
    }

    func write(into folder: TemporaryFolder) throws {
        for (f, name) in CIFARTests.names.enumerated() { try folder.write(content(f), to: name) }
    }

    func locate(_ path: String) throws -> Dataset {
        try Dataset.locate(path, directory: nil, cifarRecords: CIFARTests.records)
    }

    @Test("planes become channels-last pixels, in the order of the batches")
    func pixels() throws {
        let folder = try TemporaryFolder()
        try write(into: folder)
        let dataset = try locate(folder.path)
        #expect(dataset.description.trainCount == 100 && dataset.description.testCount == 20)
        #expect(dataset.description.classNames[3] == "cat")
        let some = try dataset.read(.train) { $0 == 3 || $0 == 47 }
        #expect(some.indices == [3, 47] && some.labels == [3, 9])
        // Image 47 is record 7 of the third file; its pixel (1, 2) is number 34 of a plane.
        let pixel = some.pixels[3072 + 34 * 3..<3072 + 34 * 3 + 3]
        let expected: [UInt8] = [43, 43 + 85, 43 + 170]
        #expect(Array(pixel) == expected)
        #expect(try dataset.read(.test).labels.first == 5)
    }

    @Test("plain, .gz and .tar.gz have one digest")
    func archives() throws {
        let folder = try TemporaryFolder()
        try write(into: folder)
        let plain = try locate(folder.path).read(.train)
        let packed = try TemporaryFolder()
        // Out of order and below a folder, as in the official archive.
        try run(
            "tar", "-czf", packed.file("cifar-10-binary.tar.gz"), "-C", folder.path, "--transform",
            "s,^,cifar-10-batches-bin/,", "test_batch.bin", "data_batch_3.bin", "data_batch_1.bin", "data_batch_5.bin",
            "data_batch_2.bin", "data_batch_4.bin")
        let tar = try locate(packed.path).read(.train)
        #expect(tar.contentDigest == plain.contentDigest && tar.pixels == plain.pixels && tar.labels == plain.labels)
        #expect(tar.isOfficial == nil && plain.isOfficial == nil)
        for name in CIFARTests.names { try folder.gzip(name) }
        #expect(try locate(folder.path).read(.train).contentDigest == plain.contentDigest)
        // Nothing was extracted beside the archive.
        #expect(try FileManager.default.contentsOfDirectory(atPath: packed.path) == ["cifar-10-binary.tar.gz"])

        // Under its known name an archive is compared with the official one.
        let parent = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: parent.file("cifar10"), withDestinationPath: packed.path)
        #expect(try locate(parent.file("cifar10")).read(.test).isOfficial == false)

        let archive = try packed.read("cifar-10-binary.tar.gz")
        for cut in [10, archive.count / 2, archive.count - 4] {
            try packed.write(Array(archive.prefix(cut)), to: "cifar-10-binary.tar.gz")
            expectFailure(.data, "cifar-10-binary.tar.gz") { try locate(packed.path).read(.train) }
        }
        try run("tar", "-czf", packed.file("cifar-10-binary.tar.gz"), "-C", folder.path, "data_batch_1.bin.gz")
        expectFailure(.data, "holds no data_batch_1.bin") { try locate(packed.path).read(.train) }
    }

    @Test("cut, long, missing and wrongly labelled batches are refused")
    func damage() throws {
        let folder = try TemporaryFolder()
        try write(into: folder)
        try folder.write(Array(content(1).dropLast()), to: "data_batch_2.bin")
        expectFailure(.data, "data_batch_2.bin is truncated", "61460", "61459") { try locate(folder.path).read(.train) }
        try folder.write(content(1) + [0], to: "data_batch_2.bin")
        expectFailure(.data, "data_batch_2.bin goes on") { try locate(folder.path).read(.train) }
        var wrong = content(1)
        wrong[3073 * 4] = 10
        try folder.write(wrong, to: "data_batch_2.bin")
        expectFailure(.data, "data_batch_2.bin", "image 4 is 10", "0...9") { try locate(folder.path).read(.train) }
        try FileManager.default.removeItem(atPath: folder.file("data_batch_2.bin"))
        try FileManager.default.moveItem(atPath: folder.path, toPath: folder.path + "-cifar10")
        let parent = try TemporaryFolder()
        try FileManager.default.moveItem(atPath: folder.path + "-cifar10", toPath: parent.file("cifar10"))
        expectFailure(.noInput, "lacks data_batch_2.bin") { try locate(parent.file("cifar10")) }
    }
}
