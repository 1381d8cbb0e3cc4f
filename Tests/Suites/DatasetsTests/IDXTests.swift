import Kernels
import Datasets
import Foundation
import TestSupport
import Testing

@Suite("IDX files") struct IDXTests {
    let folder: TemporaryFolder
    let made = MadeUpIDX()

    init() throws {
        folder = try TemporaryFolder()
        try made.write(into: folder)
    }

    func read(_ split: Split = .train) throws -> ImageSet { try Dataset.locate(folder.path).read(split) }

    @Test("shape and classes come from the files, and the kept images are the right ones")
    func keeps() throws {
        let dataset = try Dataset.locate(folder.path)
        #expect(dataset.description.shape == made.shape && dataset.description.classes == 3)
        #expect(dataset.description.trainCount == 50 && dataset.description.testCount == 20)
        let some = try dataset.read(.train) { $0 % 7 == 2 }
        #expect(some.indices == [2, 9, 16, 23, 30, 37, 44])
        #expect(some.labels == some.indices.map { UInt8($0 % 3) })
        #expect(some.pixels == some.indices.flatMap { i in (0..<12).map { made.pixel(Int(i), $0) } })
        #expect(try dataset.read(.test).count == 20)
        #expect(some.isOfficial == nil)
    }

    @Test("the digest depends neither on compression nor on what is kept, but on the content")
    func digest() throws {
        let plain = try read()
        #expect(try Dataset.locate(folder.path).read(.train) { _ in false }.contentDigest == plain.contentDigest)
        for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] { try folder.gzip(name) }
        let packed = try read()
        #expect(packed.contentDigest == plain.contentDigest && packed.pixels == plain.pixels)
        var labels = made.labels(50)
        labels[20] = (labels[20] + 1) % 3
        try folder.write(labels, to: "train-labels-idx1-ubyte")
        #expect(try read().contentDigest != plain.contentDigest)
    }

    @Test("images of several channels are read as N x H x W x C")
    func channels() throws {
        let coloured = MadeUpIDX(shape: ImageShape(height: 5, width: 2, channels: 3), classes: 17, train: 40, test: 3)
        try coloured.write(into: folder)
        let dataset = try Dataset.locate(folder.path)
        #expect(dataset.description.shape == coloured.shape && dataset.description.classes == 17)
        #expect(try dataset.read(.train).pixels == Array(coloured.images(40).dropFirst(20)))
    }

    @Test("written and read again, a data set is the same")
    func roundTrip() throws {
        let copy = try TemporaryFolder()
        try Dataset.locate(folder.path).writeIDX(into: copy.file("made/up"))
        #expect(try Dataset.locate(copy.file("made/up")).read(.train).contentDigest == read().contentDigest)
    }

    @Test("a plain file that is cut or goes on is refused with its sizes")
    func plainSize() throws {
        let whole = made.images(50)
        try folder.write(Array(whole.dropLast(5)), to: "train-images-idx3-ubyte")
        expectFailure(.data, "train-images", "truncated", "616", "611") { try read() }
        try folder.write(whole + [1, 2], to: "train-images-idx3-ubyte")
        expectFailure(.data, "train-images", "goes on", "616", "618") { try read() }
        try folder.write(Array(whole.prefix(9)), to: "train-images-idx3-ubyte")
        expectFailure(.data, "train-images", "truncated") { try read() }
        try folder.write([], to: "train-images-idx3-ubyte")
        expectFailure(.data, "train-images", "truncated") { try read() }
    }

    @Test("a .gz file that is cut, short, long, overwritten or no gzip is refused")
    func gzipDamage() throws {
        func packed(_ bytes: [UInt8]) throws -> [UInt8] {
            try folder.write(bytes, to: "train-images-idx3-ubyte")
            try folder.gzip("train-images-idx3-ubyte")
            return try folder.read("train-images-idx3-ubyte.gz")
        }
        let name = "train-images-idx3-ubyte.gz"
        let good = try packed(made.images(50))
        #expect(try read().count == 50)
        for cut in [0, 5, 17, 18, 30, good.count / 2, good.count - 9, good.count - 4, good.count - 1] {
            try folder.write(Array(good.prefix(cut)), to: name)
            expectFailure(.data, name) { try read() }
        }
        for position in [good.count / 2, good.count - 7, good.count - 2] {
            var flipped = good
            flipped[position] ^= 0x10
            try folder.write(flipped, to: name)
            expectFailure(.data, name, "damaged") { try read() }
        }
        try folder.write(good + [0, 1, 2, 3, 4, 5, 6, 7], to: name)
        expectFailure(.data, name) { try read() }
        try folder.write(made.images(50), to: name)
        expectFailure(.data, name, "not a gzip file") { try read() }
        _ = try packed(Array(made.images(50).dropLast(3)))
        expectFailure(.data, name, "truncated", "616", "613") { try read() }
        _ = try packed(made.images(50) + [0])
        expectFailure(.data, name, "goes on", "616", "617") { try read() }
    }

    @Test("a wrong magic, and counts that disagree, are refused")
    func headers() throws {
        try folder.write(made.labels(50), to: "train-images-idx3-ubyte")
        expectFailure(.data, "train-images", "00000801", "00000803") { try read() }
        try folder.write(made.images(49), to: "train-images-idx3-ubyte")
        expectFailure(.data, "49 images", "50 labels") { try read() }
        try folder.write(MadeUpIDX.header([50, 0, 4]), to: "train-images-idx3-ubyte")
        expectFailure(.data, "impossible") { try read() }
    }

    @Test("splits of different shapes are refused")
    func shapes() throws {
        let other = MadeUpIDX(shape: ImageShape(height: 4, width: 4, channels: 1))
        try folder.write(other.images(20), to: "t10k-images-idx3-ubyte")
        expectFailure(.data, "3x4x1", "4x4x1") { try read() }
    }

    @Test("a header that claims 2^60 bytes takes no memory")
    func absurd() throws {
        let largest = Int(UInt32.max)
        for dimensions in [[50, 1 << 27, 1 << 27], [largest, largest, largest], [50, largest, largest, largest]] {
            for packed in [false, true] {
                let name = "train-images-idx3-ubyte"
                try? FileManager.default.removeItem(atPath: folder.file(name + ".gz"))
                try folder.write(MadeUpIDX.header(dimensions) + [1, 2, 3], to: name)
                if packed { try folder.gzip(name) }
                expectFailure(.data, name) { try read() }
            }
        }
    }

    @Test("a test label beyond the training labels is refused with its index and value, kept or not")
    func labels() throws {
        var labels = made.labels(20)
        labels[8 + 13] = 9
        try folder.write(labels, to: "t10k-labels-idx1-ubyte")
        let dataset = try Dataset.locate(folder.path)
        expectFailure(.data, "t10k-labels", "image 13 is 9", "0...2") { try dataset.read(.test) { _ in false } }
    }
}
