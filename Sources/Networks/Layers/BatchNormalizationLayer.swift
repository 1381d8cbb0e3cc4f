/// Batch normalization of each channel over the global batch: y = gamma (x - mean) / sqrt(variance + stabilizer) +
/// beta.
///
/// Its result has its input's shape; parameters are `gamma` and `beta`, moments `running_mean` and `running_variance`.
public struct BatchNormalizationLayer: LayerKind {
    /// Makes it.
    public init() {}

    /// `batch_normalization`.
    public static let key = "batch_normalization"

    /// A bare word.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `norm1` behind `conv1`, `norm_fc1` behind `fc1`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.name(layer, "norm")
        let input = try graph.input(of: layer, name)
        graph.append(.normalization, name, inputs: [input], shape: graph.shape(input))
    }

    /// Batch norm with its running moments.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        let parameters = try ["gamma", "beta", "running_mean", "running_variance"].map {
            try node.write($0, [node.node.shape.channels], to: &graph)
        }
        return graph.node(
            "BatchNormalization", node.inputs + parameters, name: node.node.name,
            [("epsilon", .real(Float(node.stabilizer)))])
    }

    /// None: those of a robust network follow its convolutions and fully connected layers.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {}
}

extension Layer {
    /// Batch normalization of each channel.
    public static let batchNormalization = Layer(BatchNormalizationLayer())
}
