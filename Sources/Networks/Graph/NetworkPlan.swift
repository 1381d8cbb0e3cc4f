import Essentials
import Kernels

/// A network with all sizes worked out: blocks of one convolution each, with what follows it up to the next one.
///
/// A block computes u = weight * x, z = scale u + shift (batch norm, or the bias alone), y = f(z), then its tail of pools
/// and further activations. The last block ends at z, the network's output; its RBF belongs to the loss.
public struct NetworkPlan: Sendable {
    /// A block.
    public struct Block: Sendable {
        /// `conv1`, `fc1`, ...: the name of the convolution's parameters.
        public let name: String
        /// The name of batch norm's parameters, `norm1` or `norm_fc1`, or nil without batch norm.
        public let normalization: String?
        /// The convolution.
        public let convolution: Convolution
        /// The activation directly after the affine map; identity where a pool or nothing follows.
        public let activation: Activation
        /// What follows the activation.
        public let tail: [Tail]
        /// The standard deviation of the initial weights.
        public let deviation: Double

        /// The shape after the tail: the next block's input.
        public var output: ImageShape { tail.last?.output ?? convolution.output }
    }

    /// A layer of a block's tail.
    public enum Tail: Sendable {
        /// A pool.
        case pooling(Pooling)
        /// An activation on an image of this shape.
        case activation(Activation, ImageShape)

        /// The shape of its result.
        public var output: ImageShape {
            switch self {
            case .pooling(let pooling): pooling.output
            case .activation(_, let shape): shape
            }
        }
    }

    /// The network.
    public let network: Network
    /// The blocks, in order.
    public let blocks: [Block]
    /// The names of all layers, in order (`conv1`, `norm1`, `act1`, `pool1`, ..., `fc2`, `act_out`).
    public let layerNames: [String]
    /// The number of outputs: classes, then nonsense.
    public let outputs: Int

    /// Works out a network.
    ///
    /// - Throws: `Failure` 64 in one sentence naming the layer: a kernel or window larger than its input, batch norm that
    ///   does not follow a convolution, a first layer that is not a convolution, a last one that is not fully connected,
    ///   fewer outputs than classes, a setting out of its range, or more elements than BLAS can count.
    public init(_ network: Network) throws {
        var builder = PlanBuilder(network)
        try builder.checkSettings()
        for layer in network.layers { try builder.add(layer) }
        self = try builder.finish()
    }

    init(network: Network, blocks: [Block], layerNames: [String], outputs: Int) {
        self.network = network
        self.blocks = blocks
        self.layerNames = layerNames
        self.outputs = outputs
    }

    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { blocks.reduce(0) { $0 + $1.convolution.multiplyAdds } }

    /// Floating-point operations of a training step on one image: forward, weight gradient, and input gradient except
    /// into the image, 2 for each multiply-add.
    public var trainingOperations: Int { 6 * multiplyAdds - 2 * (blocks.first?.convolution.multiplyAdds ?? 0) }
}

/// Collects blocks layer by layer.
private struct PlanBuilder {
    let network: Network
    var shape: ImageShape
    var blocks: [NetworkPlan.Block] = []
    var names: [String] = []
    var open: (name: String, suffix: String, convolution: Convolution, deviation: Double)?
    var normalization: String?
    var activation: Activation?
    var tail: [NetworkPlan.Tail] = []
    var convolutions = 0
    var fullyConnected = 0

    init(_ network: Network) {
        self.network = network
        shape = network.input
    }

    func checkSettings() throws {
        let sides = 1...65_536
        guard sides.contains(shape.height), sides.contains(shape.width), sides.contains(shape.channels),
            shape.count <= Int(Int32.max)
        else { throw fault("an input image of \(shape)") }
        guard network.stabilizer > 0, network.stabilizer.isFinite else {
            throw fault("the stabilizer is \(network.stabilizer), not above 0")
        }
        guard let loss = network.hybridLoss else { return }
        guard loss.alpha.count == 3, loss.alpha.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw fault("the hybrid loss has alpha \(loss.alpha), not three numbers from 0 up")
        }
        guard loss.p > 1, loss.p.isFinite else { throw fault("the hybrid loss has p = \(loss.p), not above 1") }
        guard loss.tolerance.map({ $0 >= 0 && $0.isFinite }) ?? true else {
            throw fault("the hybrid loss has a tolerance of \(loss.tolerance ?? 0), below 0")
        }
    }

    mutating func add(_ layer: Layer) throws {
        switch layer {
        case .convolution(let settings):
            convolutions += 1
            try addConvolution(
                "conv\(convolutions)", suffix: "\(convolutions)", settings, height: settings.size, width: settings.size)
        case .fullyConnected(let settings):
            fullyConnected += 1
            try addConvolution(
                "fc\(fullyConnected)", suffix: "_fc\(fullyConnected)",
                ConvolutionLayer(channels: settings.channels, size: 1, deviation: settings.deviation),
                height: shape.height, width: shape.width)
        case .batchNormalization:
            guard let open, normalization == nil, activation == nil, tail.isEmpty else {
                throw fault("batch_normalization has to follow a convolution directly")
            }
            normalization = addName("norm\(open.suffix)")
        case .activation(let function):
            guard let open else { throw fault("the first layer has to be a convolution") }
            _ = addName("act\(open.suffix)")
            if activation == nil && tail.isEmpty {
                activation = function
            } else {
                tail.append(.activation(function, shape))
            }
        case .pooling(let settings):
            guard let open else { throw fault("the first layer has to be a convolution") }
            let name = addName("pool\(open.suffix)")
            guard settings.size > 0, settings.size < 16, settings.stride > 0,
                (0..<settings.size).contains(settings.padding),
                settings.size <= min(shape.height, shape.width) + settings.padding
            else {
                throw fault(
                    "\(name) has a window of \(settings.size), a stride of \(settings.stride) and a padding of "
                        + "\(settings.padding) on an image of \(shape)")
            }
            let pooling = Pooling(
                input: shape, kind: settings.kind, size: settings.size, stride: settings.stride,
                padding: settings.padding)
            tail.append(.pooling(pooling))
            shape = pooling.output
        }
    }

    private mutating func addConvolution(
        _ name: String, suffix: String, _ settings: ConvolutionLayer, height: Int, width: Int
    ) throws {
        closeBlock()
        guard (1...65_536).contains(settings.channels) else {
            throw fault("\(name) has \(settings.channels) channels; it takes 1 to 65536")
        }
        guard (1...1024).contains(settings.stride), (0...1024).contains(settings.padding) else {
            throw fault("\(name) has a stride of \(settings.stride) and a padding of \(settings.padding)")
        }
        guard settings.deviation >= 0, settings.deviation.isFinite else {
            throw fault("\(name) has a deviation of \(settings.deviation)")
        }
        guard height > 0, height <= shape.height + 2 * settings.padding, width <= shape.width + 2 * settings.padding
        else { throw fault("\(name) has a kernel of \(height)x\(width) on an image of \(shape)") }
        let convolution = Convolution(
            input: shape, kernelHeight: height, kernelWidth: width, filters: settings.channels,
            stride: settings.stride, padding: settings.padding)
        // In this order no product overflows.
        let most = Int(Int32.max)
        guard convolution.patchCount <= most, convolution.weightCount <= most, convolution.output.count <= most,
            convolution.scratchCount <= most
        else {
            throw fault("\(name) of \(settings.channels) channels is too large for an image of \(shape)")
        }
        open = (addName(name), suffix, convolution, settings.deviation)
        shape = convolution.output
    }

    private mutating func closeBlock() {
        guard let open else { return }
        blocks.append(
            .init(
                name: open.name, normalization: normalization, convolution: open.convolution,
                activation: activation ?? .identity, tail: tail, deviation: open.deviation))
        self.open = nil
        normalization = nil
        activation = nil
        tail = []
    }

    /// Notes a layer's name; a second layer of a kind in one block gets a number behind it.
    private mutating func addName(_ name: String) -> String {
        var unique = name
        var number = 2
        while names.contains(unique) {
            unique = "\(name)_\(number)"
            number += 1
        }
        names.append(unique)
        return unique
    }

    mutating func finish() throws -> NetworkPlan {
        guard let last = open, last.convolution.isFullyConnected, normalization == nil, tail.isEmpty else {
            throw fault("the last layer has to be fully connected, without batch_normalization behind it")
        }
        guard activation == (network.hybridLoss == nil ? nil : .rbf) else {
            throw fault("a robust network ends with one rbf behind its last layer, a plain one with nothing")
        }
        if activation != nil { names[names.count - 1] = "act_out" }
        activation = nil
        closeBlock()
        let outputs = shape.channels
        guard network.classes >= 2, network.classes <= outputs, outputs <= 32_767 else {
            throw fault("the last layer has \(outputs) outputs for \(network.classes) classes")
        }
        return NetworkPlan(network: network, blocks: blocks, layerNames: names, outputs: outputs)
    }

    private func fault(_ sentence: String) -> Failure { Failure(.usage, "network: \(sentence)") }
}
