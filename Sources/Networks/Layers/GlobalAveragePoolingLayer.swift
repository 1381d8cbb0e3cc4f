import Kernels

/// The average of each channel over the whole image: 1x1 with its input's channels.
public struct GlobalAveragePoolingLayer: LayerKind {
    /// Makes it.
    public init() {}

    /// `global_average_pooling`.
    public static let key = "global_average_pooling"

    /// A bare word.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `pool3` behind `conv3`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.name(layer, "pool")
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        graph.append(
            .globalAverage(shape), name, inputs: [input],
            shape: ImageShape(height: 1, width: 1, channels: shape.channels))
    }

    /// The average over the image.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        graph.node("GlobalAveragePool", node.inputs, name: node.node.name)
    }
}

extension Layer {
    /// The average of each channel over the whole image.
    public static let globalAveragePooling = Layer(GlobalAveragePoolingLayer())
}
