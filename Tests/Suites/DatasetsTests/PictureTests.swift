import Datasets
import Foundation
import TestSupport
import Testing

@Suite("Folders of pictures") struct PictureTests {
    private func write(_ files: [String: [UInt8]]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (name, bytes) in files {
            let parent = (folder.file(name) as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try folder.write(bytes, to: name)
        }
        return folder
    }

    @Test("classes are numbered by their sorted names, pictures read in sorted order, and a grey set has one channel")
    func order() throws {
        let folder = try write([
            "train/owl/2.png": PNG.file(2, 1, kind: 0, [3, 4]), "train/owl/1.png": PNG.file(2, 1, kind: 0, [1, 2]),
            "train/cat/9.PNG": PNG.file(2, 1, kind: 4, [5, 255, 6, 255]), "train/cat/notes.txt": [1],
            "test/owl/a.png": PNG.file(2, 1, kind: 0, bits: 16, [255, 255, 128, 128]),
        ])
        let dataset = try Dataset.locate(folder.path)
        #expect(dataset.description.classNames == ["cat", "owl"] && dataset.description.shape.channels == 1)
        let train = try dataset.read(.train)
        #expect(train.labels == [0, 1, 1] && train.pixels == [5, 6, 1, 2, 3, 4])
        let test = try dataset.read(.test)
        #expect(test.labels == [1] && test.pixels == [255, 128])
        #expect(try dataset.read(.train) { $0 == 2 }.pixels == [3, 4])
    }

    @Test("one coloured picture makes a set of colours; without train a tenth of each class is the test split")
    func colours() throws {
        var files = ["a/0.png": PNG.file(1, 2, kind: 2, [10, 20, 30, 40, 50, 60])]
        for i in 1..<20 { files["\(i % 2 == 0 ? "a" : "b")/\(i).png"] = PNG.file(1, 2, kind: 0, [UInt8(i), 7]) }
        let folder = try write(files)
        let dataset = try Dataset.locate(folder.path)
        #expect(dataset.description.shape.channels == 3)
        #expect(dataset.description.trainCount == 18 && dataset.description.testCount == 2)
        #expect(try dataset.read(.test).labels.sorted() == [0, 1])
        let all = try Dataset.locate(folder.path + ":test-share=0.5:seed=3")
        #expect(all.description.testCount == 10)
        let pixels = try all.read(.train).pixels + all.read(.test).pixels
        #expect(pixels.count == 120 && Set(pixels).isSuperset(of: [10, 20, 30, 40, 50, 60]))
    }

    @Test("hidden files are passed over, pictures of other formats told, and val stands for test")
    func foreign() throws {
        let good = PNG.file(2, 1, kind: 0, [3, 4])
        let folder = try write([
            "train/a/1.png": good, "train/a/._1.png": [1], "train/a/.DS_Store": [1], "train/a/Thumbs.db": [1],
            "train/a/2.webp": [1], "train/a/3.TIFF": [1], "val/a/1.png": good,
        ])
        let set = try Dataset.locate(folder.path).description
        #expect(set.trainCount == 1 && set.testCount == 1)
        #expect(set.notes == ["2 pictures are neither PNG nor JPEG and left out, as \(folder.path)/train/a/2.webp"])
        let loose = try write(["1.png": good])
        expectFailure(.noInput, "no folders of them", "one a class") { try Dataset.locate(loose.path) }
        let deep = try write(["train/animals/cat/1.png": good])
        expectFailure(.noInput, "holds no data set", "train/CLASS/") { try Dataset.locate(deep.path) }
        let tests = try write(["test/cat/1.png": good, "test/owl/1.png": good])
        let alone = try Dataset.locate(tests.path)
        #expect(alone.description.trainCount == 0 && alone.description.classNames == ["cat", "owl"])
        #expect(alone.description.notes.contains { $0.contains("evaluation alone") })
        #expect(try alone.read(.test).labels == [0, 1] && alone.read(.train).count == 0)
        expectFailure(.usage, "takes no parameter 'layout'") { try Dataset.locate(folder.path + ":layout=nhwc") }
    }

    @Test("pictures of several sizes are cropped to the middle and scaled where a size is asked for")
    func sizes() throws {
        // A ramp from left to right, of twice and four times the size asked for; one of the size itself.
        func ramp(_ width: Int, _ height: Int, _ value: (Int) -> UInt8) -> [UInt8] {
            let row = (0..<width).map(value)
            return PNG.file(width, height, kind: 0, (0..<height).flatMap { _ in row })
        }
        let folder = try write([
            "train/a/0.png": ramp(4, 4) { UInt8(10 * $0) }, "train/a/1.png": ramp(8, 8) { _ in 77 },
            "train/a/2.png": ramp(12, 4) { (4..<8).contains($0) ? 50 : 200 }, "train/a/3.png": ramp(2, 2) { _ in 9 },
        ])
        expectFailure(.data, "1.png", ":size=4x4") { try Dataset.locate(folder.path) }
        let set = try Dataset.locate(folder.path + ":size=4x4")
        #expect(set.description.shape.height == 4 && set.description.shape.width == 4)
        let pixels = try set.read(.train).pixels
        let line: [UInt8] = [0, 10, 20, 30]
        let expected = line + line + line + line + [77, 50, 9].flatMap { [UInt8](repeating: $0, count: 16) }
        // Of the third one the middle four columns alone.
        #expect(pixels == expected)
        // Halved: each pixel is the mean of a neighbourhood, so a ramp stays one.
        let half = try Dataset.locate(folder.path + ":size=2x2").read(.train).pixels
        #expect(Array(half[..<2]) == [7, 23], "\(half)")
        for wrong in ["4", "0x4", "4x5000", "axb", "4x4x4"] {
            expectFailure(.usage, "HEIGHTxWIDTH") { try Dataset.locate(folder.path + ":size=" + wrong) }
        }
    }

    @Test("what cannot be read is refused by its name")
    func refusals() throws {
        let good = PNG.file(2, 2, kind: 0, [1, 2, 3, 4])
        func expect(_ name: String, _ bytes: [UInt8], _ words: String) throws {
            let folder = try write(["train/a/0.png": good, "train/b/\(name)": bytes])
            expectFailure(.data, name, words) { try Dataset.locate(folder.path).read(.train) }
        }
        try expect("large.png", PNG.file(3, 2, kind: 0, [1, 2, 3, 4, 5, 6]), "2 x 3 pixels")
        try expect("clear.png", PNG.file(2, 2, kind: 4, [1, 255, 2, 254, 3, 255, 4, 255]), "not opaque")
        try expect("cut.png", Array(good.dropLast(30)), "damaged")
        try expect("text.png", Array("hello".utf8), "neither a PNG nor a JPEG")
        try expect("empty.jpg", [], "neither a PNG nor a JPEG")
        try expect("cut.jpg", [0xFF, 0xD8, 0xFF, 0xE0], "cut off")
        var damaged = good
        damaged[good.count - 25] ^= 1
        try expect("changed.png", damaged, "damaged")
        let huge = PNG.file(1 << 20, 1 << 20, kind: 0, [0, 0]).prefix(60)
        let folder = try write(["train/a/0.png": Array(huge)])
        expectFailure(.data, "0.png") { try Dataset.locate(folder.path).read(.train) }
        let none = try write(["train/a/notes.txt": [1]])
        expectFailure(.noInput, none.path) { try Dataset.locate(none.path) }
    }

    @Test("JPEG is read, one that is cut off refused, and CMYK")
    func jpeg() throws {
        // Made by libjpeg-turbo's cjpeg, where it is: a grey picture of one value.
        let grey: [UInt8] = PictureTests.smallJPEG
        let folder = try write(["train/a/0.jpg": grey])
        let train = try Dataset.locate(folder.path).read(.train)
        #expect(train.shape.channels == 1 && train.shape.height == 8 && train.shape.width == 8)
        #expect(train.pixels.allSatisfy { (126...130).contains($0) }, "\(train.pixels)")
        let cut = try write(["train/a/0.jpg": Array(grey.dropLast(6))])
        expectFailure(.data, "0.jpg", "damaged") { try Dataset.locate(cut.path).read(.train) }
    }

    /// 8 x 8 pixels of grey 128: baseline, one component, a quantisation table of ones, Huffman tables of two codes.
    private static let smallJPEG: [UInt8] = {
        var file: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0] + [UInt8](repeating: 1, count: 64)
        file += [0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]
        // One code of one bit each: DC difference 0, end of block.
        for table: UInt8 in [0x00, 0x10] {
            file += [0xFF, 0xC4, 0, 20, table, 1] + [UInt8](repeating: 0, count: 15) + [0]
        }
        file += [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]
        // Two bits 0, padded with ones.
        return file + [0x3F, 0xFF, 0xD9]
    }()
}
