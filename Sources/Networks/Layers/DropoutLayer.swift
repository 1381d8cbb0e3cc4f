import Kernels

/// Dropout: in training an element is zero with probability `rate` and else divided by 1 - rate; elsewhere its result
/// is its input.
public struct DropoutLayer: LayerKind {
    /// The probability.
    public var rate: Double

    /// Makes the settings.
    public init(_ rate: Double) { self.rate = rate }

    /// `dropout`.
    public static let key = "dropout"

    /// The probability.
    public static var notation: LayerNotation<Self> {
        .value(.init("dropout", \.rate, .reals(0...0.99)), of: Self(0), name: "rate")
    }

    /// `dropout1`, `dropout2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        try graph.check(self, name)
        let input = try graph.input(of: layer, name)
        try graph.appendDropout(rate, name, input: input)
    }

    /// Nothing: outside of training it changes nothing.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String { node.inputs[0] }
}

extension Layer {
    /// Dropout of a rate.
    public static func dropout(_ rate: Double) -> Layer { Layer(DropoutLayer(rate)) }
}
