import Essentials
import HDF5Files
import TestSupport
import Testing

@Suite("A tree of HDF5 objects")
struct TreeTests {
    static let largeShapes = [[3, 700_001], [1_000_003], [9, 2, 50_000]]

    @Test("keeps every bit of every type through an image")
    func roundTrip() throws {
        let tree = HDF5Tree(
            attributes: [
                "": ["text": .string("Grüße\n"), "empty": .string(""), "step": .int64(.min), "seed": .uint64(.max)],
                "a": ["stabilizer": .float64(1e-4)], "a/x": ["unit": .string("px")], "g/h": ["nan": .float64(2)],
            ],
            tensors: [
                "a/x": Tensor(shape: [2, 3], [.nan, Float(bitPattern: 0x7FA0_0001), -0.0, 1, 2, 3]),
                "a/y": Tensor(shape: [2], elements: .float64([Double(bitPattern: 0xFFF0_0000_0000_0001), 1])),
                "b/i64": Tensor(shape: [1], elements: .int64([.min])),
                "b/i32": Tensor(shape: [3, 1], elements: .int32([1, 2, .min])),
                "b/i16": Tensor(shape: [2, 2], elements: .int16([1, 2, 3, -4])),
                "b/u8": Tensor(shape: [300], elements: .uint8((0..<300).map { UInt8($0 % 256) })),
                "scalar": Tensor(shape: [], elements: .int64([7])),
                "none": Tensor(shape: [4, 0, 2], []),
                "attacks/fgs-lmax:gradient-mode=batch/strength": Tensor(shape: [1], elements: .float64([0.25])),
            ])
        let image = try tree.encoded()
        #expect(try HDF5Tree.decode(image) == tree)
        #expect(try tree.encoded() == image, "equal trees give equal bytes")
    }

    @Test("keeps large tensors of many chunks, of any proportions", arguments: largeShapes)
    func large(shape: [Int]) throws {
        let values = (0..<shape.reduce(1, *)).map { Float($0 &* 2_654_435_761 & 0xFFFF) }
        let tree = HDF5Tree(tensors: ["big": Tensor(shape: shape, values)])
        #expect(try HDF5Tree.decode(tree.encoded()) == tree)
    }

    @Test("keeps a text that is longer than 64 KiB")
    func longText() throws {
        let tree = HDF5Tree(attributes: ["": ["recipe": .string(String(repeating: "key: value\n", count: 20_000))]])
        #expect(try HDF5Tree.decode(tree.encoded()) == tree)
    }

    @Test("that is empty is a file too")
    func empty() throws {
        #expect(try HDF5Tree.decode(HDF5Tree().encoded()) == HDF5Tree())
    }

    @Test("tells NaN bits and signed zeros apart when it compares")
    func equality() {
        #expect(Tensor(shape: [1], [.nan]) == Tensor(shape: [1], [.nan]))
        #expect(Tensor(shape: [1], [0]) != Tensor(shape: [1], [-0.0]))
        #expect(Tensor(shape: [1], [0]) != Tensor(shape: [1, 1], [0]))
        #expect(Tensor(shape: [1], [0]) != Tensor(shape: [1], elements: .int32([0])))
    }

    @Test("refuses names that a file cannot hold", arguments: ["", "a//b", "/a", "a/", "a/./b", "a\u{0}b", "a\nb"])
    func names(path: String) throws {
        let tree = HDF5Tree(tensors: [path: Tensor(shape: [1], [0])])
        #expect(try failure { _ = try tree.encoded() }.code == .data)
    }

    @Test("refuses a text with a NUL, and a dataset that is a group too")
    func contradictions() throws {
        let text = HDF5Tree(attributes: ["": ["recipe": .string("a\u{0}b")]])
        #expect(try failure { _ = try text.encoded() }.message.contains("'recipe' contains a NUL"))
        let both = HDF5Tree(tensors: ["a": Tensor(shape: [1], [0]), "a/b": Tensor(shape: [1], [0])])
        #expect(try failure { _ = try both.encoded() }.message.contains("/a"))
    }

    @Test("has a content digest that every value changes")
    func contentDigest() throws {
        let tree = HDF5Tree(
            attributes: ["": ["a": .int64(1)], "g": ["b": .float64(0)]],
            tensors: ["x": Tensor(shape: [2, 1], [1, 2]), "y": Tensor(shape: [0], [])])
        var changed = [tree, tree, tree, tree, tree, tree]
        changed[0].rootAttributes["a"] = .uint64(1)
        changed[1].attributes["g"]?["b"] = .float64(-0.0)
        changed[2].tensors["x"] = Tensor(shape: [1, 2], [1, 2])
        changed[3].tensors["x"] = Tensor(shape: [2, 1], [1, 2.0000002])
        changed[4].tensors["y"] = Tensor(shape: [0], elements: .uint8([]))
        changed[5].attributes["x"] = ["c": .string("")]
        #expect(Set(changed.map(\.contentDigest) + [tree.contentDigest]).count == 7)
        var signed = tree
        signed.rootAttributes["content_digest"] = .string("any")
        #expect(signed.contentDigest == tree.contentDigest)
    }
}
