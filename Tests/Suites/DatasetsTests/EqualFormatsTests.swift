import Datasets
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("Formats") struct EqualFormatsTests {
    @Test("give equal pixels and labels of equal images: CIFAR-10's records, NumPy, HDF5, PNG, and converted")
    func equal() throws {
        let folder = try TemporaryFolder()
        // Two images of each of five classes, then two for tests; HWC, and CHW as in the records.
        let labels: [UInt8] = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        func pixel(_ image: Int, _ place: Int, _ channel: Int) -> UInt8 {
            UInt8(truncatingIfNeeded: image &* 31 &+ place &* 7 &+ channel &* 101)
        }
        let planes = (0..<12).map { image in
            (0..<3).flatMap { channel in (0..<1024).map { pixel(image, $0, channel) } }
        }
        let rows = (0..<12).map { image in
            (0..<1024).flatMap { place in (0..<3).map { pixel(image, place, $0) } }
        }
        func make(_ name: String) throws -> String {
            try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
            return name + "/"
        }

        let records = try make("cifar10")
        for batch in 0..<5 {
            let bytes = (2 * batch..<2 * batch + 2).flatMap { [labels[$0]] + planes[$0] }
            try folder.write(bytes, to: records + "data_batch_\(batch + 1).bin")
        }
        try folder.write((10..<12).flatMap { [UInt8(0)] + planes[$0] }, to: records + "test_batch.bin")
        try folder.write(
            NumPy.zip([
                ("x_train.npy", NumPy.npy("|u1", [10, 32, 32, 3], rows[..<10].flatMap { $0 })),
                ("y_train.npy", NumPy.npy("|u1", [10], labels)),
            ]), to: "set.npz")
        let tree = HDF5Tree(tensors: [
            "images": Tensor(shape: [10, 3, 32, 32], elements: .uint8(planes[..<10].flatMap { $0 })),
            "labels": Tensor(shape: [10], elements: .int64(labels.map { Int64($0) })),
        ])
        try folder.write(try tree.encoded(), to: "set.h5")
        for image in 0..<10 {
            let path = try make("pictures/train/\(labels[image])")
            try folder.write(PNG.file(32, 32, kind: 2, rows[image]), to: path + "\(image).png")
        }

        let binary = try Dataset.locate(folder.file("cifar10"), directory: nil, cifarRecords: 2)
        let expected = try binary.read(.train)
        #expect(expected.labels == labels && expected.pixels == rows[..<10].flatMap { $0 })
        _ = try Conversion(binary, to: folder.file("converted.h5")).run { _, _ in }
        for name in ["set.npz", "set.h5", "pictures", "converted.h5"] {
            let read = try Dataset.locate(folder.file(name)).read(.train)
            #expect(read.labels == expected.labels && read.pixels == expected.pixels, "\(name)")
        }
    }
}
