import Datasets
import Essentials
import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Images without labels") struct UnlabelledImagesTests {
    /// Every image with its file's name and its number in it.
    private func read(
        _ folder: TemporaryFolder, _ names: [String], _ shape: ImageShape
    ) throws -> [(name: String, index: Int?, pixels: [UInt8])] {
        let images = try UnlabelledImages(names.map { folder.file($0) }, shape: shape)
        var found: [(name: String, index: Int?, pixels: [UInt8])] = []
        try images.forEach { path, index, pixels in
            found.append(((path as NSString).lastPathComponent, index, Array(pixels)))
        }
        #expect(found.count == images.count)
        return found
    }

    /// A .npy file of bytes or of float32.
    private func npy(_ type: String, _ shape: [Int], _ content: [UInt8]) -> [UInt8] {
        let extents = shape.map { "\($0)," }.joined(separator: " ")
        let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + content
    }

    private static let grey = ImageShape(height: 1, width: 2, channels: 1)
    private static let coloured = ImageShape(height: 1, width: 2, channels: 3)

    @Test("pictures, a folder of them, IDX and NumPy's arrays, in the order in which they are named")
    func order() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.file("more"), withIntermediateDirectories: true)
        try folder.write(PNG.file(2, 1, kind: 0, [1, 2]), to: "a.png")
        try folder.write(PNG.file(2, 1, kind: 0, [5, 6]), to: "more/2.png")
        try folder.write(PNG.file(2, 1, kind: 0, [3, 4]), to: "more/1.png")
        try folder.write([7], to: "more/notes.txt")
        try folder.write(MadeUpIDX.header([2, 1, 2]) + [7, 8, 9, 10], to: "set-images-idx3-ubyte")
        try folder.write(npy("|u1", [2, 1, 2, 1], [11, 12, 13, 14]), to: "b.npy")
        try folder.write(npy("|u1", [1, 2], [15, 16]), to: "one.npy")
        let names = ["a.png", "set-images-idx3-ubyte", "more", "b.npy", "one.npy"]
        let found = try read(folder, names, Self.grey)
        #expect(
            found.map(\.pixels) == [[1, 2], [7, 8], [9, 10], [3, 4], [5, 6], [11, 12], [13, 14], [15, 16]])
        #expect(
            found.map(\.name) == [
                "a.png", "set-images-idx3-ubyte", "set-images-idx3-ubyte", "1.png", "2.png", "b.npy", "b.npy",
                "one.npy",
            ])
        #expect(found.map(\.index) == [nil, 0, 1, nil, nil, 0, 1, 0])
        try folder.gzip("set-images-idx3-ubyte")
        #expect(try read(folder, ["set-images-idx3-ubyte.gz"], Self.grey).map(\.pixels) == [[7, 8], [9, 10]])
    }

    @Test("a grey picture has three equal channels for a network of colours; channels first; ranges of floats")
    func forms() throws {
        let folder = try TemporaryFolder()
        try folder.write(PNG.file(2, 1, kind: 0, [1, 2]), to: "a.png")
        try folder.write(npy("|u1", [1, 3, 1, 2], [1, 2, 3, 4, 5, 6]), to: "first.npy")
        let values: [Float] = [0, 0.2, 0.4, 0.6, 0.8, 1]
        try folder.write(npy("<f4", [1, 2, 3], values.withUnsafeBytes { Array($0) }), to: "floats.npy")
        #expect(try read(folder, ["a.png"], Self.coloured).map(\.pixels) == [[1, 1, 1, 2, 2, 2]])
        #expect(try read(folder, ["first.npy"], Self.coloured).map(\.pixels) == [[1, 3, 5, 2, 4, 6]])
        #expect(
            try read(folder, ["floats.npy:range=0..1"], Self.coloured).map(\.pixels) == [[0, 51, 102, 153, 204, 255]])
        let cube = ImageShape(height: 3, width: 3, channels: 3)
        try folder.write(npy("|u1", [1, 3, 3, 3], (0..<27).map { UInt8($0) }), to: "cube.npy")
        #expect(try failure { _ = try read(folder, ["cube.npy"], cube) }.message.contains(":layout=nhwc"))
        #expect(try read(folder, ["cube.npy:layout=nchw"], cube)[0].pixels.prefix(3) == [0, 9, 18])
    }

    @Test("what cannot be taken is refused in a sentence that names the file")
    func refusals() throws {
        let folder = try TemporaryFolder()
        func expect(_ name: String, _ bytes: [UInt8], _ shape: ImageShape, _ code: ExitCode, _ words: String) throws {
            try folder.write(bytes, to: String(name.prefix { $0 != ":" }))
            let found = try failure { _ = try read(folder, [name], shape) }
            #expect(found.code == code && found.message.contains(words), "\(found.message)")
        }
        let picture = PNG.file(2, 1, kind: 2, [1, 2, 3, 4, 5, 6])
        try expect("a.png", picture, Self.grey, .data, "is a picture in colour")
        try expect(
            "a.png", picture, ImageShape(height: 2, width: 2, channels: 3), .data,
            "has 1 x 2 pixels, the network takes 2 x 2")
        try expect("a.png", Array(picture.prefix(20)), Self.coloured, .data, "a.png")
        try expect("a.txt", [1, 2, 3, 4], Self.grey, .data, "is no picture")
        try expect("a.npy", npy("|u1", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), Self.grey, .data, "has the shape [4, 2]")
        try expect("a.npy", npy("<f4", [1, 2], [UInt8](repeating: 0, count: 8)), Self.grey, .data, ":range=LOW..HIGH")
        try expect("a.npy", npy("|u1", [2, 1, 2], [1, 2, 3]), Self.grey, .data, "ends before its 2 rows")
        try expect("a.npy:layout=chw", npy("|u1", [1, 2], [1, 2]), Self.grey, .usage, "nhwc or nchw")
        #expect(try failure { _ = try read(folder, ["none.png"], Self.grey) }.code == .noInput)
        try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: true)
        #expect(try failure { _ = try read(folder, ["empty"], Self.grey) }.message.contains("holds no pictures"))
    }
}
