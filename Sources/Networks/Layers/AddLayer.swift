/// The sum of its inputs, which have one shape.
public struct AddLayer: LayerKind {
    /// Makes it.
    public init() {}

    /// `add`.
    public static let key = "add"

    /// A bare word; `inputs` beside it name what is added.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `add1`, `add2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, "add")
        try graph.appendSum(name, inputs: try graph.inputs(of: layer, name))
    }

    /// The sum; an activation behind it is left out, since each of its terms comes out of one.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        network.layers.append(layer)
        network.isBehindConvolution = true
    }

    /// A sum of two for each input but the first.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        let (name, inputs) = (node.node.name, node.inputs)
        var sum = inputs[0]
        for (index, input) in inputs.enumerated().dropFirst() {
            sum = graph.node("Add", [sum, input], name: index + 1 == inputs.count ? name : "\(name)_\(index)")
        }
        return sum
    }
}

extension Layer {
    /// The sum of layers.
    public static func add(_ inputs: [String], name: String? = nil) -> Layer {
        Layer(AddLayer(), name: name, inputs: inputs)
    }
}
