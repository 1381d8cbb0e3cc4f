import Essentials
import Kernels

/// A node's operation, with its sizes.
public enum Operation: Sendable {
    /// A convolution, or a fully connected layer as one.
    case convolution(Convolution, hasBias: Bool, initialDeviation: Double)
    /// Batch normalization of each channel.
    case normalization
    /// y = scale x + shift for each channel, of constants.
    case affine(scale: [Float], shift: [Float])
    /// An elementwise function.
    case activation(Activation)
    /// A pool.
    case pooling(Pooling)
    /// The average of each channel over an image of this shape.
    case globalAverage(ImageShape)
    /// In training a part of the elements is zero.
    case dropout(Dropout)
    /// The inputs element by element: their sum, product or quotient.
    case arithmetic(Arithmetic)
    /// The inputs' channels behind each other.
    case concatenation
    /// Zeros around an image of this shape.
    case padding(Sides, ImageShape)
    /// An image of this shape as one of another, in the order of channels, rows, columns.
    case rearrangement(ImageShape)
}

/// A network's layers in the order in which they are computed, each with its name, its inputs and its shape.
public struct NetworkGraph: Sendable {
    /// A layer.
    public struct Node: Sendable {
        /// `conv1`, `norm1`, ...: the name of its parameters.
        public let name: String
        /// Its operation, with sizes.
        public let operation: Operation
        /// The nodes whose results it takes; -1 is the image.
        public let inputs: [Int]
        /// The shape of its result.
        public let shape: ImageShape
        /// The layer that it comes from.
        public let kind: any LayerKind
    }

    /// All nodes; the inputs of a node stand before it.
    public let nodes: [Node]

    /// Works out a network's names and shapes.
    ///
    /// - Throws: `Failure` 64 in one sentence naming the layer.
    init(_ network: Network) throws {
        var builder = GraphBuilder(network)
        try builder.checkSettings()
        try builder.appendInputScale()
        for layer in network.layers { try builder.append(layer) }
        nodes = try builder.finish()
    }
}

/// Collects nodes layer by layer.
public struct GraphBuilder {
    private let network: Network
    private var nodes: [NetworkGraph.Node] = []
    private var places: [String: Int] = [:]
    /// The node of the layer before, -1 for the image.
    public internal(set) var last = -1
    /// The node of the image as layers take it: scaled, or -1.
    private var image = -1
    /// Of the residual block that is open, put before its layers' names.
    var prefix = ""
    /// Put behind the names of layers that follow a product: `1` behind `conv1`, `_fc1` behind `fc1`.
    var suffix = "0"
    /// The kind whose nodes are appended.
    private var kind: any LayerKind = AddLayer()
    private var numbers: [String: Int] = [:]
    private var dropouts = 0
    /// The names that people gave, and one of them that was given twice.
    private var given: Set<String> = []
    private var repeated: String?

    init(_ network: Network) { self.network = network }

    func checkSettings() throws {
        let (shape, sides) = (network.input, 1...65_536)
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

    // MARK: Names

    /// The next number of a kind of layer, counted from 1 within a residual block and outside of all.
    mutating func number(_ kind: String) -> Int {
        numbers[prefix + kind, default: 0] += 1
        return numbers[prefix + kind] ?? 1
    }

    /// The name that a person gave, or else the layer's own behind the prefix.
    private mutating func name(_ layer: Layer, or own: String) -> String {
        guard let name = layer.name else { return prefix + own }
        if !given.insert(name).inserted || places[name] != nil { repeated = name }
        return name
    }

    /// The name of a convolution or fully connected layer, after which those behind it are called.
    mutating func beginProduct(_ layer: Layer, _ kind: String, suffix: String) -> String {
        let number = number(kind)
        self.suffix = "\(suffix)\(number)"
        return name(layer, or: "\(kind)\(number)")
    }

    /// The name of a layer that is called after the product before it, `norm1` behind `conv1`.
    mutating func name(_ layer: Layer, _ kind: String) -> String { name(layer, or: kind + suffix) }

    /// The name of a layer that is counted by itself, `add1`.
    mutating func numberedName(_ layer: Layer, _ kind: String) -> String {
        let number = number(kind)
        return name(layer, or: "\(kind)\(number)")
    }

    // MARK: Inputs

    /// The shape of a node's result; that of the image for -1.
    public func shape(_ node: Int) -> ImageShape { node < 0 ? network.input : nodes[node].shape }

    /// The nodes that a layer takes, at least one: those it names, or the layer before.
    func inputs(of layer: Layer, _ name: String) throws -> [Int] {
        guard !layer.inputs.isEmpty else { return [last] }
        return try layer.inputs.map { input in
            if input == Layer.image { return image }
            if let place = places[prefix + input] ?? places[input] { return place }
            let known = [Layer.image] + nodes.map(\.name)
            throw fault(
                "\(name) takes '\(LayerText.word(input).line)', which is no layer before it; "
                    + (nearestName(to: input, among: known).map { "did you mean '\($0)'?" }
                        ?? "known: \(known.joined(separator: ", "))"))
        }
    }

    /// The node that a layer of one input takes.
    func input(of layer: Layer, _ name: String) throws -> Int {
        let inputs = try inputs(of: layer, name)
        guard inputs.count == 1 else { throw fault("\(name) takes one layer, not \(inputs.count)") }
        return inputs[0]
    }

    // MARK: Nodes

    /// Appends the factor on the image, where there is one but 1.
    mutating func appendInputScale() throws {
        guard let scale = network.inputScale, scale != [1] else { return }
        let channels = network.input.channels
        guard [1, channels].contains(scale.count), scale.allSatisfy(\.isFinite) else {
            throw fault(
                "input_scale has \(scale.count) numbers for \(channels) channels; allowed: one, or one for each")
        }
        kind = AffineLayer(scale: scale)
        append(.affine(scale: scale, shift: [0]), "input_scale", inputs: [-1], shape: network.input)
        image = last
    }

    /// Appends a layer's nodes.
    mutating func append(_ layer: Layer) throws {
        let outer = kind
        kind = layer.kind
        try layer.kind.append(layer, to: &self)
        kind = outer
    }

    /// Appends a node. A name that is taken gets a number behind it, `pool1_2`.
    mutating func append(_ operation: Operation, _ name: String, inputs: [Int], shape: ImageShape) {
        var unique = name
        var number = 2
        while places[unique] != nil {
            unique = "\(name)_\(number)"
            number += 1
        }
        places[unique] = nodes.count
        nodes.append(.init(name: unique, operation: operation, inputs: inputs, shape: shape, kind: kind))
        last = nodes.count - 1
    }

    /// Appends a convolution of a size that BLAS can count.
    mutating func appendProduct(
        _ convolution: Convolution, _ name: String, input: Int, hasBias: Bool = true, initialDeviation: Double?
    ) throws {
        // In this order no product overflows.
        let most = Int(Int32.max)
        guard convolution.patchCount <= most, convolution.weightCount <= most, convolution.output.count <= most,
            convolution.scratchCount <= most
        else {
            throw fault("\(name) of \(convolution.filters) channels is too large for an image of \(shape(input))")
        }
        append(
            .convolution(
                convolution, hasBias: hasBias,
                initialDeviation: initialDeviation ?? (network.initialization ?? .normal).deviation(convolution)),
            name, inputs: [input], shape: convolution.output)
    }

    /// Appends an operation on at least one result, element by element: of one shape, or, where results `spread`, 1x1
    /// beside it with as many channels.
    mutating func appendArithmetic(
        _ operation: Arithmetic, _ name: String, inputs: [Int], spread: Bool = true
    ) throws {
        let shapes = inputs.map { shape($0) }
        let whole = shapes.first { $0.area > 1 } ?? shapes[0]
        guard shapes.allSatisfy({ $0 == whole || spread && $0.area == 1 && $0.channels == whole.channels }) else {
            let (verb, joint) = operation.words
            throw fault("\(name) \(verb) images of \(shapes.map { "\($0)" }.joined(separator: " \(joint) "))")
        }
        append(.arithmetic(operation), name, inputs: inputs, shape: whole)
    }

    /// Appends a dropout, the next one of the network.
    mutating func appendDropout(_ rate: Double, _ name: String, input: Int) throws {
        guard dropouts < 4096 else { throw fault("more than 4096 dropout layers") }
        append(.dropout(Dropout(rate: rate, number: dropouts)), name, inputs: [input], shape: shape(input))
        dropouts += 1
    }

    /// Appends zeros around an image; returns the node.
    mutating func appendPadding(_ sides: Sides, _ name: String, input: Int) -> Int {
        let shape = shape(input)
        append(
            .padding(sides, shape), name, inputs: [input],
            shape: ImageShape(
                height: shape.height + sides.top + sides.bottom, width: shape.width + sides.left + sides.right,
                channels: shape.channels))
        return last
    }

    /// Appends the layers of a branch, whose names begin with the prefix; returns the last one's node.
    mutating func appendBranch(_ layers: [Layer], prefix: String, behind input: Int) throws -> Int {
        let outer = (self.prefix, suffix, last)
        (self.prefix, suffix, last) = ("\(prefix)_", "0", input)
        for layer in layers { try append(layer) }
        let end = last
        (self.prefix, suffix, last) = outer
        return end
    }

    /// Refuses a setting out of its range.
    func check(_ kind: some LayerKind, _ name: String) throws {
        if let fault = kind.fault { throw self.fault("\(name) has \(fault)") }
    }

    /// The failure of a network.
    func fault(_ sentence: String) -> Failure { Failure(.usage, "network: \(sentence)") }

    /// The nodes, checked as a whole. The RBF of a robust network, its last node, belongs to the loss.
    func finish() throws -> [NetworkGraph.Node] {
        if let repeated { throw fault("two layers are called \(repeated)") }
        guard !given.contains(Layer.image) else {
            throw fault("a layer is called \(Layer.image), as the network's input is: give it another name")
        }
        var nodes = nodes
        var end = nodes.count - 1
        let ending = fault("a robust network ends with one rbf behind its last layer, a plain one with nothing")
        if end > 0, case .activation(let function) = nodes[end].operation, Self.isFullyConnected(nodes[end - 1]) {
            guard network.hybridLoss != nil, function == .rbf, nodes[end].inputs == [end - 1] else { throw ending }
            nodes[end] = .init(
                name: "act_out", operation: .activation(.rbf), inputs: [end - 1], shape: nodes[end].shape,
                kind: nodes[end].kind)
            end -= 1
        } else if network.hybridLoss != nil {
            throw ending
        }
        guard end >= 0, Self.isFullyConnected(nodes[end]) else {
            throw fault("the last layer has to be fully connected, without batch_normalization behind it")
        }
        let taken = Set(nodes.flatMap(\.inputs))
        if let idle = nodes.indices.dropLast().first(where: { !taken.contains($0) }) {
            throw fault("no layer takes the result of \(nodes[idle].name)")
        }
        let outputs = nodes[end].shape.channels
        guard network.classes >= 2, network.classes <= outputs, outputs <= 32_767 else {
            throw fault("the last layer has \(outputs) outputs for \(network.classes) classes")
        }
        return nodes
    }

    private static func isFullyConnected(_ node: NetworkGraph.Node) -> Bool {
        if case .convolution(let convolution, _, _) = node.operation { convolution.isFullyConnected } else { false }
    }
}
