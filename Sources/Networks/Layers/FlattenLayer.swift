import Kernels

/// Its input's elements as one row, in the order of channels, rows, columns: 1x1, with as many channels as its input
/// has elements.
public struct FlattenLayer: LayerKind {
    /// Makes it.
    public init() {}

    /// `flatten`.
    public static let key = "flatten"

    /// A bare word.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `flatten1`, `flatten2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        graph.append(
            .rearrangement(shape), name, inputs: [input],
            shape: ImageShape(height: 1, width: 1, channels: shape.count))
    }

    /// A reshape, which keeps its rows and columns of one.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        graph.reshape(node)
    }
}

extension Layer {
    /// A row of elements.
    public static let flatten = Layer(FlattenLayer())
}
