import Kernels

/// A network with all sizes worked out, cut into blocks that are computed at once: a source (a convolution, a sum, ...)
/// with the affine map, the activation and the pools behind it.
///
/// A block computes u from its inputs, z = scale u + shift (batch norm, a bias, constants), y = f(z), then its tail of
/// pools and further activations. The last block ends at z, the network's output; its RBF belongs to the loss.
public struct NetworkPlan: Sendable {
    /// A block.
    public struct Block: Sendable {
        /// `conv1`, `fc1`, ...: the name of its first layer, and of a convolution's parameters.
        public let name: String
        /// The blocks whose outputs it takes; -1 is the image.
        public let inputs: [Int]
        /// How u comes from the inputs.
        public let source: Source
        /// The shape of u.
        public let sourceShape: ImageShape
        /// The affine map.
        public internal(set) var affine: Affine
        /// The activation directly after the affine map; identity where a pool or nothing follows.
        public internal(set) var activation = Activation.identity
        /// The layers behind the activation.
        public internal(set) var tail: [Tail] = []
        /// The standard deviation of the initial weights.
        public let initialDeviation: Double
        /// True where the next block alone takes the output: it is then computed image by image just before it is used.
        public internal(set) var isChained = false

        /// The shape after the tail: that of the block's output.
        public var output: ImageShape { tail.last?.output ?? sourceShape }
        /// The convolution, of a block that begins with one.
        public var convolution: Convolution? {
            if case .convolution(let convolution) = source { convolution } else { nil }
        }
        /// True where u is the block's input itself, which takes no memory.
        public var isIdentity: Bool { if case .identity = source { true } else { false } }
        /// True where a backward pass to the block's inputs reads these inputs again.
        var readsInputsBackward: Bool {
            switch source {
            case .identity, .arithmetic(.product), .arithmetic(.quotient): true
            case .convolution, .arithmetic(.sum), .concatenation, .padding, .rearrangement: false
            }
        }
        /// The name of batch norm's parameters, `norm1` or `norm_fc1`, or nil without batch norm.
        public var normalization: String? {
            if case .normalization(let name, _) = affine { name } else { nil }
        }
        /// True of a convolution with bias.
        public var hasBias: Bool {
            switch affine {
            case .bias, .normalization(_, hasBias: true): true
            case .none, .constants, .normalization: false
            }
        }
    }

    /// How a block's u comes from its inputs.
    public enum Source: Sendable {
        /// u = weight * x.
        case convolution(Convolution)
        /// u = x.
        case identity
        /// u = x1 + x2 + ..., or another operation; an x of 1x1 is spread over the image.
        case arithmetic(Arithmetic)
        /// u = the channels of x1, then those of x2, ...
        case concatenation
        /// u = x with zeros around it; x has this shape.
        case padding(Sides, ImageShape)
        /// u = x as an image of another shape; x has this shape.
        case rearrangement(ImageShape)
    }

    /// A block's affine map z = scale u + shift.
    public enum Affine: Sendable {
        /// z = u.
        case none
        /// z = u + bias.
        case bias
        /// Batch norm, of the name, behind a convolution with or without bias, or without a convolution.
        case normalization(String, hasBias: Bool)
        /// Constants for each channel.
        case constants(scale: [Float], shift: [Float])
    }

    /// A layer of a block's tail.
    public enum Tail: Sendable {
        /// A pool.
        case pooling(Pooling)
        /// An activation on an image of this shape.
        case activation(Activation, ImageShape)
        /// The average over an image of this shape.
        case globalAverage(ImageShape)
        /// A dropout on an image of this shape.
        case dropout(Dropout, ImageShape)

        /// The shape of its result.
        public var output: ImageShape {
            switch self {
            case .pooling(let pooling): pooling.output
            case .activation(_, let shape), .dropout(_, let shape): shape
            case .globalAverage(let shape): ImageShape(height: 1, width: 1, channels: shape.channels)
            }
        }
    }

    /// The network.
    public let network: Network
    /// Its layers.
    public let graph: NetworkGraph
    /// The blocks, in the order in which they are computed.
    public let blocks: [Block]
    /// The number of outputs: classes, then nonsense.
    public let outputs: Int

    /// Works out a network.
    ///
    /// - Throws: `Failure` 64 in one sentence naming the layer: a kernel or window larger than its input, shapes that
    ///   do not fit together, an input that is no layer before it, a last layer that is not fully connected, fewer
    ///   outputs than classes, a setting out of its range, or more elements than BLAS can count.
    public init(_ network: Network) throws {
        self.network = network
        graph = try NetworkGraph(network)
        // The RBF of a robust network belongs to the loss.
        blocks = Self.fuse(graph.nodes.dropLast(network.hybridLoss == nil ? 0 : 1))
        outputs = blocks.last?.output.channels ?? 0
    }

    /// The names of all layers, in order (`conv1`, `norm1`, `act1`, `pool1`, ..., `fc2`, `act_out`).
    public var layerNames: [String] { graph.nodes.map(\.name) }

    /// The convolutions of all blocks that have one.
    public var convolutions: [Convolution] { blocks.compactMap(\.convolution) }

    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { convolutions.reduce(0) { $0 + $1.multiplyAdds } }

    /// Floating-point operations of a training step on one image: forward, weight gradient, and input gradient except
    /// into what has no parameters before it, 2 for each multiply-add.
    public var trainingOperations: Int {
        let learns = learningBlocks
        return blocks.reduce(0) { operations, block in
            let passesOn = block.inputs.contains { $0 >= 0 && learns[$0] }
            return operations + (passesOn ? 6 : 4) * (block.convolution?.multiplyAdds ?? 0)
        }
    }

    /// True of each block that has parameters, or takes the output of one that does: training needs the gradient of its
    /// output. False of what only prepares the image.
    var learningBlocks: [Bool] {
        var learns: [Bool] = []
        for block in blocks {
            let hasParameters = block.convolution != nil || block.normalization != nil
            learns.append(hasParameters || block.inputs.contains { $0 >= 0 && learns[$0] })
        }
        return learns
    }

    // MARK: Fusion

    /// Cuts layers into blocks: a layer joins the block of its only input where that has room for it and nothing else
    /// takes it.
    private static func fuse(_ nodes: ArraySlice<NetworkGraph.Node>) -> [Block] {
        var takers = [Int](repeating: 0, count: nodes.count)
        for input in nodes.flatMap(\.inputs) where input >= 0 { takers[input] += 1 }
        var blocks: [Block] = []
        // The block of each node.
        var homes: [Int] = []
        for node in nodes {
            let inputs = node.inputs.map { $0 < 0 ? -1 : homes[$0] }
            if inputs == [blocks.count - 1], let input = node.inputs.first, input >= 0, takers[input] == 1,
                blocks[blocks.count - 1].join(node)
            {
                homes.append(blocks.count - 1)
                continue
            }
            homes.append(blocks.count)
            blocks.append(Block(node, inputs: inputs))
        }
        var blockTakers = [[Int]](repeating: [], count: blocks.count)
        for (index, block) in blocks.enumerated() {
            for input in block.inputs where input >= 0 { blockTakers[input].append(index) }
        }
        for index in blocks.indices { blocks[index].isChained = blockTakers[index] == [index + 1] }
        return blocks
    }
}

extension NetworkPlan.Block {
    /// A block of one layer.
    fileprivate init(_ node: NetworkGraph.Node, inputs: [Int]) {
        name = node.name
        self.inputs = inputs
        affine = .none
        var shape = node.shape
        var deviation = 0.0
        switch node.operation {
        case .convolution(let convolution, let hasBias, let initialDeviation):
            source = .convolution(convolution)
            affine = hasBias ? .bias : .none
            deviation = initialDeviation
        case .arithmetic(let operation): source = .arithmetic(operation)
        case .concatenation: source = .concatenation
        case .padding(let sides, let input): source = .padding(sides, input)
        case .rearrangement(let input): source = .rearrangement(input)
        case .pooling(let pooling):
            source = .identity
            shape = pooling.input
        case .globalAverage(let input):
            source = .identity
            shape = input
        case .normalization, .affine, .activation, .dropout: source = .identity
        }
        sourceShape = shape
        initialDeviation = deviation
        _ = join(node)
    }

    /// Takes a layer that follows the block alone; returns false where it does not fit behind what is there.
    fileprivate mutating func join(_ node: NetworkGraph.Node) -> Bool {
        let isOpen = activation == .identity && tail.isEmpty
        switch node.operation {
        case .normalization:
            switch affine {
            case .none where isOpen: affine = .normalization(node.name, hasBias: false)
            case .bias where isOpen: affine = .normalization(node.name, hasBias: true)
            default: return false
            }
        case .affine(let scale, let shift):
            guard isOpen, case .none = affine else { return false }
            affine = .constants(scale: scale, shift: shift)
        case .activation(let function):
            if isOpen { activation = function } else { tail.append(.activation(function, node.shape)) }
        case .pooling(let pooling): tail.append(.pooling(pooling))
        case .globalAverage(let shape): tail.append(.globalAverage(shape))
        case .dropout(let dropout): tail.append(.dropout(dropout, node.shape))
        case .convolution, .arithmetic, .concatenation, .padding, .rearrangement: return false
        }
        return true
    }
}
