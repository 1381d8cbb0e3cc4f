import Kernels

/// A convolution whose kernel covers its whole input.
///
/// Its result is 1x1 with `channels` channels; parameters are `weight`, OIHW, and `bias`.
public struct FullyConnectedLayer: LayerKind {
    /// The number of outputs.
    public var channels: Int
    /// The standard deviation of the initial weights, N(0, deviation^2); nil for that of the network's
    /// `initialization`. Biases start at 0.
    public var initialDeviation: Double?

    /// Makes the settings.
    public init(channels: Int, initialDeviation: Double? = nil) {
        self.channels = channels
        self.initialDeviation = initialDeviation
    }

    /// `fully_connected`.
    public static let key = "fully_connected"

    /// A mapping.
    public static var notation: LayerNotation<Self> {
        .settings(
            [
                .init("channels", \.channels, .integers(1...65_536), isRequired: true),
                .init("deviation", \.initialDeviation, .optional(.reals(0...1000)), omitted: .some(nil)),
            ], of: Self(channels: 1))
    }

    /// `fc1`, `fc2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.beginProduct(layer, "fc", suffix: "_fc")
        try graph.check(self, name)
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        try graph.appendProduct(
            Convolution(input: shape, kernelHeight: shape.height, kernelWidth: shape.width, filters: channels), name,
            input: input, initialDeviation: initialDeviation)
    }

    /// The convolution that it is.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        try graph.convolution(node, size: Extent(node.inputShapes[0].height, node.inputShapes[0].width))
    }

    /// Behind it batch norm, or behind the last one the 1-D RBF; initial weights are N(0, 0.01^2).
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        var robust = layer
        var settings = self
        settings.initialDeviation = RobustLayers.initialDeviation
        robust.kind = settings
        network.layers += [robust, network.isLast ? .activation(.rbf) : .batchNormalization]
        network.isBehindConvolution = false
    }
}

extension Layer {
    /// A fully connected layer with bias.
    public static func fullyConnected(_ settings: FullyConnectedLayer) -> Layer { Layer(settings) }

    var isFullyConnected: Bool { kind is FullyConnectedLayer }
}
