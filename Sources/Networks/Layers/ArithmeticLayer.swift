import Kernels

/// A layer kind that combines two inputs or more element by element: all of one shape, or 1x1 beside it with as many
/// channels, which is taken at every position.
///
/// Its result has the shape of the larger ones. It has no settings and no parameters.
public protocol ArithmeticLayer: LayerKind {
    /// What it does with its inputs, the first one and then each further one in turn.
    static var operation: Arithmetic { get }
    /// Makes it.
    init()
}

extension ArithmeticLayer {
    /// A bare word; `inputs` beside it name what is combined.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `add1`, `add2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        let inputs = try graph.inputs(of: layer, name)
        guard inputs.count > 1 else {
            throw graph.fault("\(name) takes two layers or more: name them, inputs: [a, b] beside \(Self.key)")
        }
        try graph.appendArithmetic(Self.operation, name, inputs: inputs)
    }

    /// The layer; an activation behind it is left out, since each of its inputs comes out of one.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        network.layers.append(layer)
        network.isBehindConvolution = true
    }

    /// An operator of two for each input but the first.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        let (name, inputs) = (node.node.name, node.inputs)
        let operation =
            switch Self.operation {
            case .sum: "Add"
            case .product: "Mul"
            case .quotient: "Div"
            }
        var result = inputs[0]
        for (index, input) in inputs.enumerated().dropFirst() {
            result = graph.node(
                operation, [result, input], name: index + 1 == inputs.count ? name : "\(name)_\(index)")
        }
        return result
    }
}

extension Layer {
    /// Layers combined element by element.
    public static func arithmetic(_ operation: Arithmetic, _ inputs: [String], name: String? = nil) -> Layer {
        switch operation {
        case .sum: .add(inputs, name: name)
        case .product: .multiply(inputs, name: name)
        case .quotient: .divide(inputs, name: name)
        }
    }
}
