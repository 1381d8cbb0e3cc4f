import Datasets
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("HDF5 data files") struct HDF5FormatTests {
    private static let count = 300
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A file as the library writes it, without our seal: chunked, shuffled, deflated, with checksums.
    private func file(_ images: Tensor, labels: Tensor, names: (String, String) = ("x_train", "y_train")) throws
        -> [UInt8]
    {
        try HDF5Tree(tensors: [names.0: images, names.1: labels]).encoded()
    }

    private func locate(_ bytes: [UInt8], _ options: String = "") throws -> Dataset {
        // HDF5 takes what lies at 0, or behind a user block of 512 bytes.
        try folder.write(bytes, to: "set.h5")
        let dataset = try Dataset.locate(folder.file("set.h5") + options)
        _ = try dataset.read(.train)
        return dataset
    }

    @Test("a set of Keras's names is read chunk by chunk, its filters undone and its checksums compared")
    func chunks() throws {
        let pixels = (0..<Self.count * 70 * 3).map { UInt8(truncatingIfNeeded: $0 * 31 >> 3) }
        let labels = (0..<Self.count).map { Int32($0 % 5) }
        let bytes = try file(
            Tensor(shape: [Self.count, 10, 7, 3], elements: .uint8(pixels)),
            labels: Tensor(shape: [Self.count], elements: .int32(labels)))
        let train = try locate(bytes).read(.train)
        #expect(train.pixels == pixels && train.labels == labels.map { UInt8($0) })
        #expect(train.shape.height == 10 && train.shape.width == 7 && train.shape.channels == 3)

        let floats = pixels.map { Float($0) / 255 }
        let real = try file(
            Tensor(shape: [Self.count, 10, 7, 3], floats), labels: Tensor(shape: [Self.count], elements: .int32(labels))
        )
        expectFailure(.data, ":range=") { try locate(real) }
        #expect(try locate(real, ":range=0..1").read(.train).pixels == pixels)

        let named = try file(
            Tensor(shape: [Self.count, 10, 7, 3], elements: .uint8(pixels)),
            labels: Tensor(shape: [Self.count], elements: .int32(labels)), names: ("a/pictures", "a/what"))
        expectFailure(.data, "a/pictures, a/what") { try locate(named) }
        #expect(try locate(named, ":images=a/pictures:labels=a/what").description.classes == 5)
    }

    @Test("a changed byte is found, wherever it lies: none is read as other pixels")
    func damage() throws {
        let pixels = (0..<40 * 6).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let good = try file(
            Tensor(shape: [40, 3, 2], elements: .uint8(pixels)),
            labels: Tensor(shape: [40], elements: .int32((0..<40).map { Int32($0 % 4) })))
        let whole = try locate(good).read(.train)
        var found = 0
        for place in stride(from: 600, to: good.count, by: 211) {
            var damaged = good
            damaged[place] ^= 0x10
            guard let read = try? locate(damaged).read(.train) else {
                found += 1
                continue
            }
            #expect(read.pixels == whole.pixels && read.labels == whole.labels, "byte \(place)")
        }
        #expect(found > 0)
        expectFailure(.data, "set.h5") { try locate(Array(good.prefix(good.count / 2))) }
        expectFailure(.data, "not a readable HDF5 file") { try locate([1, 2, 3]) }
    }
}
