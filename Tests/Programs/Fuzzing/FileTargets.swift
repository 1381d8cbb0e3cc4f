import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Interchange
import Networks
import TestSupport

/// HDF5: images of files, as libhdf5 gets to see them under a good seal; and well-formed checkpoints of another
/// content.
let fileTargets = [
    Target(
        name: "hdf5", seeds: { try [goodTree.encoded(compression: 1), goodTree.encoded(compression: 9)] },
        mayCrashInLibrary: true, read: { _ = try HDF5Tree.decode($0) }),
    Target(
        // The bytes choose what is changed in the tree of a good checkpoint.
        name: "checkpoint", seeds: { (UInt8(0)..<32).map { start in (UInt8(0)..<24).map { $0 &* 37 &+ start &* 11 } } },
        read: { input in
            var tree = goodTree
            var bytes = input[...]
            while bytes.count >= 4 { tree.change(&bytes) }
            if tree.rootAttributes["content_digest"] != nil {
                tree.rootAttributes["content_digest"] = .string(tree.contentDigest)
            }
            let path = Workplace.folder + "/checkpoint.h5"
            try SealedFile.write(tree, to: path)
            let checkpoint = try Checkpoint.load(path)
            _ = checkpoint.describe()
            _ = try checkpoint.meanImage(try checkpoint.model().plan.network.input)
        }),
    Target(
        name: "onnx", seeds: { try onnxModels() },
        words: [
            "Conv", "Gemm", "MatMul", "BatchNormalization", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "Neg",
            "Exp", "Abs", "Clip", "Add", "Sub", "Mul", "Div", "MaxPool", "AveragePool", "GlobalAveragePool",
            "ReduceMean", "Pad", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Constant", "Identity",
            "Dropout", "Concat", "Softmax", "LogSoftmax", "Shape", "Gather", "strides", "pads", "dilations", "group",
            "kernel_shape", "auto_pad", "SAME_UPPER", "ceil_mode", "count_include_pad", "perm", "axes", "location",
        ],
        read: { input in
            let settings = try ImportSettings(
                dataset: "mnist", image: SmallNetworks.plain.input, classes: SmallNetworks.plain.classes)
            _ = try Checkpoint.imported(onnx: input, path: Workplace.folder + "/model.onnx", settings)
        }),
    Target(
        name: "safetensors", seeds: { try parameterFiles() },
        words: [
            "\"dtype\":", "\"shape\":", "\"data_offsets\":", "__metadata__", "F64", "F32", "F16", "BF16", "I64", "BOOL",
            ".weight", ".bias", ".running_var", ".num_batches_tracked", "conv1", "fc1", "input.mean_image", "[0,", "-1",
        ],
        read: { input in
            let network = SmallNetworks.plain
            let settings = try ImportSettings(dataset: "mnist", image: network.input, classes: network.classes)
            _ = try Checkpoint.imported(
                safetensors: input, path: Workplace.folder + "/model.safetensors", settings
            ) { _, _ in (network, "dataset: mnist\n") }
        }),
]

/// An export of a small network, and its parameters under other names.
private func parameterFiles() throws -> [[UInt8]] {
    let network = SmallNetworks.plain
    var checkpoint = Checkpoint(header: goodHeader(network), tensors: [:])
    checkpoint.store(
        Model(try NetworkPlan(network)), meanImage: [Float](repeating: 1, count: network.input.count))
    let own = try checkpoint.safetensors()
    let text = String(decoding: own[8...], as: UTF8.self)
    // Names of as many letters.
    guard text.utf8.count == own.count - 8 else { return [own] }
    return [own, Array(own.prefix(8)) + Array(text.replacingOccurrences(of: "conv", with: "body").utf8)]
}

/// Exports of all small networks, and a model as other programs write them.
private func onnxModels() throws -> [[UInt8]] {
    let exports = try SmallNetworks.all.map { _, network in
        let model = Model(try NetworkPlan(network))
        model.drawWeights(seed: 1)
        var checkpoint = Checkpoint(header: goodHeader(network), tensors: [:])
        checkpoint.store(model, meanImage: [Float](repeating: 1, count: network.input.count))
        return try checkpoint.onnx()
    }
    let shape = SmallNetworks.plain.input
    var graph = ONNXModelWriter()
    var x = graph.node("Transpose", ["x"], "t", ["perm": .integers([0, 3, 1, 2])])
    x = graph.node("Div", [graph.node("Sub", [x, graph.tensor("m", [1, 2, 1, 1], [1, 2])], "s"), "m"], "d")
    x = graph.node("Pad", [x, graph.integers("p", [8], [0, 0, 1, 1, 0, 0, 1, 0])], "pad")
    let weight = graph.list("w", [4, 2, 2, 2], (0..<32).map { Float($0) })
    x = graph.node("Conv", [x, weight], "c", ["strides": .integers([2, 2]), "auto_pad": .text("VALID")])
    x = graph.node("Mul", [x, graph.node("Sigmoid", [x], "y")], "silu")
    x = graph.node("AveragePool", [x], "a", ["kernel_shape": .integers([2, 2]), "ceil_mode": .integer(1)])
    let first = graph.node("Gather", [graph.node("Shape", [x], "shape"), graph.integers("i", [1], [0])], "g")
    let target = graph.node("Concat", [first, graph.integers("r", [1], [-1])], "to", ["axis": .integer(0)])
    x = graph.node("Reshape", [x, target], "flat")
    x = graph.node("MatMul", [x, graph.external("e", [48, 3], location: "w.bin", offset: 0)], "fc")
    x = graph.node("Clip", [graph.node("Add", [x, graph.tensor("b", [3], [1, 2, 3])], "sum"), "b"], "clip")
    return exports + [
        graph.model(
            input: [nil, shape.height, shape.width, shape.channels], output: graph.node("Softmax", [x], "end"))
    ]
}

/// A checkpoint of a small network, with every kind of object.
private let goodTree: HDF5Tree = {
    let network = SmallNetworks.plain
    var checkpoint = Checkpoint(
        header: goodHeader(network), tensors: ["state/order": Tensor(shape: [3], elements: .int64([1, 2, 3]))])
    let path = Workplace.folder + "/good.h5"
    do {
        let model = Model(try NetworkPlan(network))
        checkpoint.store(model, meanImage: [Float](repeating: 1, count: network.input.count))
        try checkpoint.save(to: path)
        return try SealedFile.read(path)
    } catch { fatalError("\(error)") }
}()

private func goodHeader(_ network: Network) -> CheckpointHeader {
    CheckpointHeader(
        productVersion: "0.1", step: 12, epoch: 2, seed: 7, lanes: 8, worldSize: 2, variant: "released",
        dataset: "mnist", datasetDigest: "00ff", classes: 3, recipe: "dataset: mnist\n", network: network.json,
        created: "2024-05-06T07:08:09Z")
}

extension HDF5Tree {
    /// Changes one attribute or tensor as some bytes say, which are taken off.
    fileprivate mutating func change(_ bytes: inout ArraySlice<UInt8>) {
        let (kind, place, how, value) = (
            bytes.removeFirst(), Int(bytes.removeFirst()), bytes.removeFirst(), bytes.removeFirst()
        )
        let numbers: [Int64] = [0, 1, -1, 3, 255, 1 << 20, 1 << 31, 1 << 40, 1 << 60, .max, .min]
        let number = numbers[Int(value) % numbers.count]
        if kind % 2 == 0 {
            let names = rootAttributes.keys.sorted()
            let name = names.isEmpty ? "format" : names[place % names.count]
            switch how % 6 {
            case 0: rootAttributes[name] = nil
            case 1: rootAttributes[name] = .int64(number)
            case 2: rootAttributes[name] = .float64(Double(bitPattern: UInt64(bitPattern: number)))
            case 3: rootAttributes[name] = .uint64(UInt64(bitPattern: number))
            default:
                guard case .string(var text) = rootAttributes[name] else { return }
                // A number in the text, or a piece of it, becomes another.
                let digits = text.indices.filter { text[$0].isNumber }
                if how % 6 == 4, !digits.isEmpty {
                    let digit = digits[Int(value) % digits.count]
                    text.replaceSubrange(digit...digit, with: "\(numbers[place % numbers.count])")
                } else if !text.isEmpty {
                    text.remove(at: text.index(text.startIndex, offsetBy: Int(value) % text.count))
                }
                rootAttributes[name] = .string(text)
            }
        } else {
            let paths = tensors.keys.sorted()
            guard !paths.isEmpty else { return }
            let path = paths[place % paths.count]
            switch how % 5 {
            case 0: tensors[path] = nil
            case 1: tensors[path] = Tensor(shape: [], [Float(value)])
            case 2: tensors[path] = Tensor(shape: [0, Int(value)], elements: .uint8([]))
            case 3:
                tensors[path] = Tensor(
                    shape: [Int(value)], elements: .float64([Double](repeating: .nan, count: Int(value))))
            default: tensors[path] = tensors[paths[Int(value) % paths.count]]
            }
        }
    }
}
