import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Kernels
import Networks

/// The purpose of an imported network: its data set, and the units of its inputs.
public struct ImportSettings: Sendable {
    /// The data set's name, or its path, as it is located.
    public var dataset: String
    /// The digest of its training images; empty where the data is not there.
    public var datasetDigest = ""
    /// The shape of its images.
    public var image: ImageShape
    /// The number of its classes.
    public var classes: Int
    /// The classes' names; nil where they are numbers.
    public var classNames: [String]?
    /// The network takes (pixel / 255 - mean) / deviation: one mean, or one a channel.
    public var mean: [Double]
    /// One deviation, or one a channel.
    public var deviation: [Double]
    /// True where the mean or the deviation was said: a file that has its own refuses them.
    private let saysUnits: Bool

    /// Makes the settings.
    ///
    /// - Parameters:
    ///   - mean: nil for 0.
    ///   - deviation: nil for 1.
    /// - Throws: `Failure` 64 where there is neither one number nor one a channel, one is not finite, or a deviation is
    ///   not above 0.
    public init(
        dataset: String, image: ImageShape, classes: Int, mean: [Double]? = nil, deviation: [Double]? = nil
    ) throws {
        saysUnits = mean != nil || deviation != nil
        let (mean, deviation) = (mean ?? [0], deviation ?? [1])
        for (name, numbers) in [("mean", mean), ("deviation", deviation)] {
            guard numbers.allSatisfy(\.isFinite) else { throw Failure(.usage, "--\(name) takes finite numbers") }
            guard [1, image.channels].contains(numbers.count) else {
                throw Failure(
                    .usage,
                    "--\(name) takes one number or one for each of \(image.channels) channels, not \(numbers.count)")
            }
        }
        guard deviation.allSatisfy({ $0 > 0 }) else { throw Failure(.usage, "--deviation has to be above 0") }
        self.dataset = dataset
        self.image = image
        self.classes = classes
        self.mean = mean
        self.deviation = deviation
    }

    /// Refuses units beside a file that steadfast exported.
    ///
    /// - Throws: `Failure` 64.
    func requireNoUnits(beside path: String) throws {
        guard !saysUnits else {
            throw Failure(
                .usage,
                "\(path) is an export of steadfast, which holds the units of its inputs: leave out --mean and "
                    + "--deviation")
        }
    }
}

extension Checkpoint {
    /// Imports a network of the format ONNX as a checkpoint of step 0.
    ///
    /// A model that steadfast exported takes pixels of 0...255. Its file is not trusted: it is read in a child process
    /// first where `UntrustedDecoder.command` is set.
    ///
    /// - Throws: `Failure` 66 or 74 where the file cannot be read; 65 in one sentence that names the file and each node
    ///   that cannot be taken; 64 where steadfast exported it and the settings say other units.
    public static func imported(onnx path: String, _ settings: ImportSettings) throws -> Checkpoint {
        try UntrustedDecoder.tryInChild(path, format: ONNXFormat.name)
        do {
            return try imported(onnx: try ONNXFormat.read(path), path: path, settings)
        } catch let failure as Failure where failure.code == .data {
            throw Failure(.data, "\(path): \(failure.message)")
        }
    }

    /// Imports a model's bytes; the sentence of a failure is a sentence's end.
    package static func imported(onnx bytes: [UInt8], path: String, _ settings: ImportSettings) throws -> Checkpoint {
        let file = try ONNXFile(bytes)
        let folder = (path as NSString).deletingLastPathComponent
        var interpreter = try ONNXInterpreter(file, folder: folder.isEmpty ? "." : folder, image: settings.image)
        let graph = try interpreter.run()
        let isOurs = file.producer == "steadfast"
        if isOurs { try settings.requireNoUnits(beside: path) }
        let imported = try ImportedNetwork(
            graph,
            normalization: isOurs
                ? .init(range: 255, maps: 1) : .init(mean: settings.mean, deviation: settings.deviation))
        guard imported.meanImage.allSatisfy(\.isFinite) else {
            throw Failure(.data, "the terms of its input, in pixels, are not finite in float32")
        }
        let plan = try network(imported, isRobust: graph.isRobust, file, settings)
        let network = plan.network
        let header = CheckpointHeader(
            productVersion: Product.version, step: 0, epoch: 0, seed: 0, lanes: 1, worldSize: 1, variant: "imported",
            dataset: settings.dataset, datasetDigest: settings.datasetDigest, classes: settings.classes,
            recipe: try recipe(network, settings.dataset), network: network.json,
            created: Date.now.formatted(.iso8601), classNames: settings.classNames,
            sourceFile: (path as NSString).lastPathComponent,
            sourceDigest: bytes.withUnsafeBytes { Digest.of($0) }.hexadecimal)
        var checkpoint = Checkpoint(header: header, tensors: try tensors(plan, imported))
        // Checks all shapes, and adds what a checkpoint has beside parameters.
        checkpoint.store(try checkpoint.model(), meanImage: imported.meanImage)
        return checkpoint
    }

    /// The network; one that the model's metadata describes, where its layers are those that were found.
    private static func network(
        _ imported: ImportedNetwork, isRobust: Bool, _ file: ONNXFile, _ settings: ImportSettings
    ) throws -> NetworkPlan {
        let network = Network(
            input: settings.image, classes: settings.classes, layers: imported.layers,
            hybridLoss: isRobust ? HybridLoss(alpha: [1, 1, 1]) : nil, stabilizer: imported.stabilizer ?? 1e-4,
            inputScale: imported.inputScale)
        let plan: NetworkPlan
        do { plan = try NetworkPlan(network) } catch let failure as Failure { throw Failure(.data, failure.message) }
        if let text = file.metadata["network"], text.utf8.count < 1 << 20,
            let described = try? JSONDecoder().decode(Network.self, from: Data(text.utf8)),
            described.input == network.input, described.classes == network.classes,
            imported.stabilizer.map({ $0 == described.stabilizer }) ?? true,
            (described.hybridLoss == nil) == (network.hybridLoss == nil),
            let own = try? NetworkPlan(described), own.graph.equals(plan.graph)
        {
            return own
        }
        return plan
    }

    /// The parameters of a network's layers, in order, as tensors; errors where they are not as many as its layers
    /// need, or not finite.
    private static func tensors(_ plan: NetworkPlan, _ imported: ImportedNetwork) throws -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        var parameters = imported.parameters[...]
        for node in plan.graph.nodes {
            func set(_ name: String, _ shape: [Int], _ values: [Float]) throws {
                // The file's own are finite, but not their products with all its factors.
                guard values.allSatisfy(\.isFinite) else {
                    throw Failure(
                        .data, "layer \(shortened(node.name)) gets numbers as \(name) that are not finite in float32")
                }
                tensors[CheckpointLayout.parameter(node.name, name)] = Tensor(shape: shape, values)
            }
            switch (node.operation, parameters.first) {
            case (.convolution(let g, let hasBias, _), .product(let weight, let bias)):
                let shape = [g.filters, g.groupChannels, g.kernelHeight, g.kernelWidth]
                guard weight.count == shape.reduce(1, *), bias.count == g.filters else { throw unfit(node.name) }
                try set("weight", shape, weight)
                if hasBias { try set("bias", [g.filters], bias) }
            case (.normalization, .normalization(let norm)):
                for (name, values) in [
                    ("gamma", norm.gamma), ("beta", norm.beta), (CheckpointLayout.runningMean, norm.mean),
                    (CheckpointLayout.runningVariance, norm.variance),
                ] {
                    guard values.count == node.shape.channels else { throw unfit(node.name) }
                    try set(name, [values.count], values)
                }
            case (.convolution, _), (.normalization, _): throw unfit(node.name)
            default: continue
            }
            parameters.removeFirst()
        }
        return tensors
    }

    private static func unfit(_ layer: String) -> Failure {
        Failure(.data, "layer \(shortened(layer)) has other parameters than it needs")
    }

    /// A recipe that holds the data set and the network: texts and layers are written in YAML as in JSON. A robust
    /// network of ours is written as the plain one that it is made of.
    private static func recipe(_ network: Network, _ dataset: String) throws -> String {
        var (layers, activation) = (network.layers, "plain")
        if let loss = network.hybridLoss {
            for symmetric in Activation.allCases where symmetric.isSymmetric {
                var plain = network
                plain.layers = network.layers.filter { $0 != .batchNormalization && $0 != .activation(symmetric) }
                if plain.layers.last == .activation(.rbf) { plain.layers.removeLast() }
                guard plain.robust(symmetric, loss: loss).withoutDeviations == network.withoutDeviations else {
                    continue
                }
                (layers, activation) = (plain.layers, symmetric.rawValue)
                break
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(layers), as: UTF8.self)
        let name = String(decoding: try encoder.encode(dataset), as: UTF8.self)
        let scale = (network.inputScale ?? [1]).map { "\($0)" }.joined(separator: ", ")
        return "dataset: \(name)\nnetwork: {architecture: custom, activation: \(activation), "
            + "stabilizer: \(network.stabilizer), layers: \(text)}\ninput_scale: [\(scale)]\n"
    }
}

extension Network {
    /// The layers as text without the deviations of their initial weights: what a file without a recipe tells of them.
    fileprivate var withoutDeviations: String {
        func stripped(_ value: Any) -> Any {
            if let list = value as? [Any] { return list.map(stripped) }
            guard let mapping = value as? [String: Any] else { return value }
            return mapping.filter { $0.key != "deviation" }.mapValues(stripped)
        }
        guard let data = try? JSONEncoder().encode(layers), let list = try? JSONSerialization.jsonObject(with: data),
            let text = try? JSONSerialization.data(withJSONObject: stripped(list), options: [.sortedKeys])
        else { return "" }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The format ONNX, as files of it are read.
public enum ONNXFormat: ForeignFormat {
    /// Its name for ``UntrustedDecoder``.
    public static let name = "onnx"
    /// The largest file: what a message of Protocol Buffers can have.
    private static let fileBytes = Int(Int32.max)

    /// Reads the bytes of a file.
    ///
    /// - Throws: `Failure` 65 for a file that is too large, 66 or 74 where it cannot be read.
    static func read(_ path: String) throws -> [UInt8] {
        try SealedFile.readWhole(path, atMost: fileBytes)
    }

    /// Reads a file as far as it can be read without a data set: the work of a child process.
    ///
    /// - Throws: `Failure` as `read`; 65 where it is no ONNX model.
    public static func decode(_ path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        let file = try ONNXFile(try read(path))
        // A tensor that cannot be taken is told later with its node, and is no fault where no node takes it.
        for tensor in file.constants.values {
            guard (try? tensor.integers(folder: folder.isEmpty ? "." : folder)) == nil else { continue }
            _ = try? tensor.floats(folder: folder.isEmpty ? "." : folder)
        }
    }
}

extension NetworkGraph {
    /// True where both graphs compute the same from equal parameters in the same order: names, initial weights and the
    /// order of other layers do not count.
    fileprivate func equals(_ other: NetworkGraph) -> Bool {
        var known: [String: Int] = [:]
        let (own, others) = (numbers(&known), other.numbers(&known))
        func parameters(_ graph: NetworkGraph, _ numbers: [Int]) -> [Int] {
            zip(graph.nodes, numbers).filter { $0.0.hasParameters }.map(\.1)
        }
        return own.last == others.last && parameters(self, own) == parameters(other, others)
    }

    /// A number for each node; two nodes have the same one where they compute the same.
    private func numbers(_ known: inout [String: Int]) -> [Int] {
        var numbers: [Int] = []
        // The affine maps by their numbers. One behind another counts as a single map of the first one's input: an
        // import joins two of them or keeps them apart, as the file writes their constants.
        var maps: [Int: (map: AffineLayer, input: Int)] = [:]
        // Sums, products and quotients by their numbers: one of another, first to last, counts as a single one.
        var terms: [Int: (operation: Arithmetic, inputs: [Int])] = [:]
        func number(_ text: String) -> Int {
            let number = known[text] ?? known.count
            known[text] = number
            return number
        }
        func combination(_ operation: Arithmetic, _ inputs: [Int], _ node: Node) -> Int {
            var inputs = inputs
            if let before = terms[inputs[0]], before.operation == operation {
                inputs = before.inputs + inputs.dropFirst()
            }
            // The first two may change places.
            if operation != .quotient { inputs = inputs.prefix(2).sorted() + inputs.dropFirst(2) }
            let number = number("\(node.structure(.arithmetic(operation))) \(inputs)")
            terms[number] = (operation, inputs)
            return number
        }
        for node in nodes {
            var inputs = node.inputs.map { $0 < 0 ? -1 : numbers[$0] }
            var operation = node.operation
            switch (operation, inputs.first) {
            case (.dropout, let input?):
                // An export has none of it.
                numbers.append(input)
                continue
            case (.affine(let scale, let shift), let input?):
                guard let before = maps[input] else { break }
                let map = before.map.followed(by: AffineLayer(scale: scale, shift: shift))
                operation = .affine(scale: map.scale, shift: map.shift)
                inputs = [before.input]
            case (.arithmetic(let own), _):
                numbers.append(combination(own, inputs, node))
                continue
            case (.activation(let function), let input?):
                // As a file has it: a SiLU is the product of x and its sigmoid.
                let end = function.operations.reduce(input) { x, step in
                    switch step {
                    case .square: combination(.product, [x, x], node)
                    case .timesInput: combination(.product, [input, x], node)
                    default: number("\(step) \(node.shape) [\(x)]")
                    }
                }
                numbers.append(end)
                continue
            default: break
            }
            let own = number("\(node.structure(operation)) \(inputs)")
            numbers.append(own)
            if case .affine(let scale, let shift) = operation {
                maps[own] = (AffineLayer(scale: scale, shift: shift), inputs[0])
            }
        }
        return numbers
    }
}

extension NetworkGraph.Node {
    /// True of a convolution and of batch norm.
    fileprivate var hasParameters: Bool {
        switch operation {
        case .convolution, .normalization: true
        default: false
        }
    }

    /// The node's operation, or another in its place, without its name, its inputs and its initial weights.
    fileprivate func structure(_ operation: Networks.Operation) -> String {
        let operation =
            switch operation {
            case .convolution(let g, let hasBias, _): "\(g) \(hasBias)"
            // One number for all channels is as many equal ones.
            case .affine(let scale, let shift):
                "affine \((0..<shape.channels).map { [scale[$0 % scale.count], shift[$0 % shift.count]] })"
            default: "\(operation)"
            }
        return "\(operation) \(shape)"
    }
}
