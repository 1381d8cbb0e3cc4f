import Kernels

/// An elementwise function; its result has its input's shape.
public struct ActivationLayer: LayerKind {
    /// The function.
    public var function: Activation

    /// Makes the settings.
    public init(_ function: Activation) { self.function = function }

    /// `activation`.
    public static let key = "activation"

    /// The function's name.
    public static var notation: LayerNotation<Self> {
        .value(.init("activation", \.function, .words), of: Self(.identity), name: "function")
    }

    /// `act1` behind `conv1`, `act_fc1` behind `fc1`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.name(layer, "act")
        let input = try graph.input(of: layer, name)
        graph.append(.activation(function), name, inputs: [input], shape: graph.shape(input))
    }

    /// A node for each of the function's elementary operations.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        let name = node.product.map { "\($0)_act" } ?? node.node.name
        let (input, operations) = (node.inputs[0], function.operations)
        let constants = operations.map { operation in
            operation.constants.map {
                graph.tensor("\(name)_\($0.name)", shape: operation.constantShape, [$0.value])
            }
        }
        var x = input
        for (index, operation) in operations.enumerated() {
            let title = index == operations.count - 1 ? name : "\(name)_\(operation.suffix)"
            x = operation.write(behind: x, of: input, constants[index], name: title, to: &graph)
        }
        return x
    }

    /// Between fully connected layers as it is, elsewhere none.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        if !network.isBehindConvolution, !network.isBehindLast { network.layers.append(layer) }
    }
}

extension Layer {
    /// An elementwise function.
    public static func activation(_ function: Activation) -> Layer { Layer(ActivationLayer(function)) }
}

extension ElementaryOperation {
    /// The end of the name of a node that is not the function's last.
    fileprivate var suffix: String {
        switch self {
        case .relu: "relu"
        case .tanh: "tanh"
        case .leakyReLU: "leaky_relu"
        case .clip: "clip"
        case .hardSigmoid: "hard_sigmoid"
        case .timesInput: "product"
        case .sigmoid: "sigmoid"
        case .absolute: "size"
        case .negated: "exponent"
        case .square: "square"
        case .exponential: "exponential"
        case .oneMinus: "rest"
        }
    }

    /// The constants that the node takes, and the ends of their names.
    fileprivate var constants: [(name: String, value: Float)] {
        switch self {
        case .oneMinus: [("one", 1)]
        case .clip(let low, let high): [("low", low), ("high", high)]
        default: []
        }
    }

    /// The shape of its constants: Clip takes scalars.
    fileprivate var constantShape: [Int] {
        if case .clip = self { [] } else { [1] }
    }

    /// Appends the node; returns the name of its result.
    fileprivate func write(
        behind x: String, of input: String, _ constants: [String], name: String, to graph: inout some OperatorGraph
    ) -> String {
        switch self {
        case .relu: graph.node("Relu", [x], name: name)
        case .sigmoid: graph.node("Sigmoid", [x], name: name)
        case .absolute: graph.node("Abs", [x], name: name)
        case .negated: graph.node("Neg", [x], name: name)
        case .square: graph.node("Mul", [x, x], name: name)
        case .exponential: graph.node("Exp", [x], name: name)
        case .oneMinus: graph.node("Sub", constants + [x], name: name)
        case .tanh: graph.node("Tanh", [x], name: name)
        case .leakyReLU(let slope): graph.node("LeakyRelu", [x], name: name, [("alpha", .real(slope))])
        case .clip: graph.node("Clip", [x] + constants, name: name)
        case .hardSigmoid(let slope, let offset):
            graph.node("HardSigmoid", [x], name: name, [("alpha", .real(slope)), ("beta", .real(offset))])
        case .timesInput: graph.node("Mul", [input, x], name: name)
        }
    }
}
