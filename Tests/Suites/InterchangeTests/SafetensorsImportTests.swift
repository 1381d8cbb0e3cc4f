import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Interchange
import Kernels
import Networks
import TestSupport
import Testing

@Suite("Imported parameters")
struct SafetensorsImportTests {
    private static func described(_ network: Network) -> Checkpoint.DescribedNetwork {
        { scale, stabilizer in
            var scaled = network
            scaled.inputScale = scale.map { $0.map { Float($0) } } ?? network.inputScale
            scaled.stabilizer = stabilizer ?? network.stabilizer
            return (scaled, "dataset: mnist\n")
        }
    }

    private static func settings(
        _ network: Network, mean: [Double]? = nil, deviation: [Double]? = nil
    ) throws -> ImportSettings {
        try ImportSettings(
            dataset: "mnist", image: network.input, classes: network.classes, mean: mean, deviation: deviation)
    }

    /// A file of tensors: name, type, shape, bytes.
    private static func file(_ tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])]) throws -> [UInt8]
    {
        var header: [String: Any] = ["__metadata__": ["format": "pt"]]
        var content: [UInt8] = []
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": tensor.type, "shape": tensor.shape,
                "data_offsets": [content.count, content.count + tensor.bytes.count],
            ]
            content += tensor.bytes
        }
        return file(header: [UInt8](try JSONSerialization.data(withJSONObject: header)), content)
    }

    private static func file(header: [UInt8], _ content: [UInt8]) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + content
    }

    /// The parameters of a model under other names, as float32.
    private static func tensors(
        _ checkpoint: Checkpoint, _ names: [String: String]
    ) -> [(name: String, type: String, shape: [Int], bytes: [UInt8])] {
        checkpoint.tensors.filter { $0.key.hasPrefix("model/") }.sorted { $0.key < $1.key }.compactMap { path, tensor in
            let parts = path.split(separator: "/").map(String.init)
            let suffix = ["gamma": "weight", "beta": "bias", "running_variance": "running_var"][parts[2]] ?? parts[2]
            // A fully connected layer's rows are flat in other programs.
            let shape =
                parts[1].hasPrefix("fc") && tensor.shape.count == 4
                ? [tensor.shape[0], tensor.shape.dropFirst().reduce(1, *)] : tensor.shape
            return names[parts[1]].map {
                ("\($0).\(suffix)", "F32", shape, tensor.elements.withUnsafeBytes { Array($0) })
            }
        }
    }

    private static func checkpoint(_ network: Network) throws -> Checkpoint {
        let model = Model(try NetworkPlan(network))
        model.randomize(9)
        var checkpoint = unfinishedCheckpoint(network: network.json)
        (checkpoint.tensors, checkpoint.groupAttributes) = ([:], [:])
        checkpoint.store(model, meanImage: (0..<network.input.count).map { Float($0) * 0.5 })
        return checkpoint
    }

    @Test("an export comes back with equal tensors and moments", arguments: SmallNetworks.all.map(\.name))
    func ownExport(_ name: String) throws {
        let network = try #require(SmallNetworks.all.first { $0.name == name }).network
        let original = try Self.checkpoint(network)
        try withTemporaryDirectory { folder in
            try write(try original.safetensors(), to: folder + "/own.safetensors")
            let (imported, map) = try Checkpoint.imported(
                safetensors: folder + "/own.safetensors", try Self.settings(network),
                describe: Self.described(network))
            let refused = try failure {
                _ = try Checkpoint.imported(
                    safetensors: folder + "/own.safetensors", try Self.settings(network, mean: [0.5]),
                    describe: Self.described(network))
            }
            #expect(refused.code == .usage && refused.message.contains("own.safetensors is an export of steadfast"))
            #expect(imported.trainingDigest == original.trainingDigest && map.rest.isEmpty)
            #expect(imported.header.variant == "imported" && imported.header.sourceFile == "own.safetensors")
            #expect(map.entries.allSatisfy { $0.reason == .name && $0.module == $0.layer })
            try imported.save(to: folder + "/own.h5")
            #expect(try Checkpoint.load(folder + "/own.h5").header == imported.header)
        }
    }

    private static let batchNorm = SmallNetworks.all[1].network
    private static let names = [
        "conv1": "features.0", "norm1": "features.1", "conv2": "features.4", "norm2": "features.5", "fc1": "head.0",
        "norm_fc1": "head.1", "fc2": "head.10",
    ]

    @Test(
        "parameters of other names are found by shape, in half precision too; the input's units become a factor"
    )
    func foreign() throws {
        let original = try Self.checkpoint(Self.batchNorm)
        var tensors = Self.tensors(original, Self.names)
        tensors.append(("features.1.num_batches_tracked", "I64", [], [UInt8](repeating: 0, count: 8)))
        tensors.append(("extra.weight", "F32", [1], [0, 0, 0, 0]))
        let place = try #require(tensors.firstIndex { $0.name == "head.10.bias" })
        tensors[place].bytes = [0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00, 0xFF, 0x7B]
        tensors[place].type = "F16"
        let second = try #require(tensors.firstIndex { $0.name == "head.0.bias" })
        tensors[second] = ("head.0.bias", "BF16", [6], [0x80, 0x3F] + [UInt8](repeating: 0, count: 10))
        let (imported, map) = try Checkpoint.imported(
            safetensors: try Self.file(tensors), path: "a.safetensors",
            try Self.settings(Self.batchNorm, mean: [0.25, 0.75], deviation: [0.5, 0.2]),
            describe: Self.described(Self.batchNorm))
        #expect(Dictionary(uniqueKeysWithValues: map.entries.map { ($0.layer, $0.module) }) == Self.names)
        #expect(map.entries.allSatisfy { $0.reason == .shape } && map.rest == ["extra.weight"])
        #expect(
            imported.tensors["model/fc2/bias"]?.elements
                == .float32([1, -2, Float(Float16(bitPattern: 1)), 65_504]))
        #expect(imported.tensors["model/fc1/bias"]?.elements == .float32([1, 0, 0, 0, 0, 0]))
        #expect(try imported.network().stabilizer == 1e-5)
        let mean = try imported.meanImage(Self.batchNorm.input)
        #expect(mean[0] == 63.75 && mean[1] == 191.25)
        #expect(imported.tensors["model/conv1/weight"]?.elements == original.tensors["model/conv1/weight"]?.elements)
        #expect(try imported.network().inputScale == [Float(1 / 127.5), Float(1 / 51.0)])
    }

    /// Three convolutions of one shape, and the last layer.
    private static let equal: Network = {
        var network = SmallNetworks.plain
        network.layers =
            [Layer](repeating: .convolution(.init(channels: 2, size: 3, padding: 1)), count: 3)
            + [.fullyConnected(.init(channels: 4))]
        return network
    }()

    @Test("of equal shapes the order of the names decides where there are as many, else a person")
    func order() throws {
        let original = try Self.checkpoint(Self.equal)
        let names = ["conv1": "body.2", "conv2": "body.9", "conv3": "body.10", "fc1": "end"]
        func imported(
            _ names: [String: String], _ map: [(layer: String, module: String)] = [], more: String? = nil
        ) throws -> TensorMap {
            var tensors = Self.tensors(original, names)
            for tensor in tensors where tensor.name.hasPrefix("body.2.") {
                guard let more else { continue }
                var copy = tensor
                copy.name = more + tensor.name.dropFirst("body.2".count)
                tensors.append(copy)
            }
            return try Checkpoint.imported(
                safetensors: try Self.file(tensors), path: "a.safetensors", map: map, try Self.settings(Self.equal),
                describe: Self.described(Self.equal)
            ).map
        }
        let found = try imported(names)
        #expect(found.entries.map(\.module) == ["body.2", "body.9", "body.10", "end"])
        #expect(found.entries.map(\.reason) == [.order, .order, .order, .shape])
        let one = try imported(names, [("conv1", "body.10")])
        #expect(one.entries.map(\.module) == ["body.10", "body.2", "body.9", "end"])
        #expect(
            try failure { _ = try imported(names, more: "other") }.message
                == "conv1, conv2, conv3: may be body.2, body.9, body.10, other: say --map conv1=body.2 or another")
        let all = [("conv1", "other"), ("conv2", "body.2"), ("conv3", "body.10")]
        #expect(try imported(names, all, more: "other").rest == ["body.9.bias", "body.9.weight"])
        var fewer = names
        fewer["conv2"] = nil
        #expect(
            try failure { _ = try imported(fewer) }.message
                == "conv1, conv2, conv3: 2 of 3 are there with weight [2, 2, 3, 3], bias [2]")
        for (map, words) in [
            ([("conv9", "end")], "unknown layer 'conv9'; did you mean 'conv1'?"),
            ([("conv1", "bodi.2")], "unknown name of tensors 'bodi.2'; did you mean 'body.2'?"),
            ([("conv1", "end")], "conv1 has weight [2, 2, 3, 3], bias [2], but end has bias [4], weight [4, 112]"),
            ([("conv1", "body.2"), ("conv1", "body.9")], "--map names conv1 twice"),
            ([("conv1", "body.2"), ("conv2", "body.2")], "--map gives one name to two layers"),
        ] {
            #expect(try failure { _ = try imported(names, map) }.message.contains(words))
        }
    }

    @Test("damaged files are refused in a sentence, whatever their end")
    func damage() throws {
        let whole = try Self.checkpoint(Self.equal).safetensors()
        func sentence(_ bytes: [UInt8]) throws -> String {
            let found = try failure {
                _ = try Checkpoint.imported(
                    safetensors: bytes, path: "a.safetensors", try Self.settings(Self.equal),
                    describe: Self.described(Self.equal))
            }
            #expect(found.code == .data)
            return found.message
        }
        for count in stride(from: 0, to: whole.count, by: 7) { _ = try sentence(Array(whole.prefix(count))) }
        #expect(try sentence([UInt8](repeating: 255, count: 64)).contains("is no file of the format safetensors"))
        #expect(
            try sentence(try Self.file([("a.weight", "F32", [2], [0, 0, 0, 0])])).contains("does not fit"))
        #expect(try sentence(try Self.file([("a.weight", "Q4", [1], [0])])).contains("'Q4', which is no known type"))
        let overlapping = """
            {"b.weight": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
            "a.weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "c.weight": {"dtype": "F32", "shape": [0], "data_offsets": [4, 4]}}
            """
        #expect(
            try sentence(Self.file(header: Array(overlapping.utf8), [UInt8](repeating: 0, count: 12)))
                .contains("tensors 'a.weight' and 'b.weight' lie on the same bytes"))
        #expect(
            try sentence(try Self.file([("a.weight", "F32", [Int.max, 8], [0])])).contains("has the shape"))
        var tensors = Self.tensors(
            try Self.checkpoint(Self.equal), ["conv1": "conv1", "conv2": "conv2", "conv3": "conv3", "fc1": "fc1"])
        tensors[0].bytes.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
        #expect(try sentence(try Self.file(tensors)).contains("holds numbers that are not finite"))
    }
}
