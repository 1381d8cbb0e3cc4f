import Kernels

/// A convolution.
///
/// Its result is (side + padding on both sides - (size - 1) dilation - 1) / stride + 1 rows or columns, rounded down,
/// with `channels` channels; parameters are `weight`, OIHW, and `bias`.
public struct ConvolutionLayer: LayerKind {
    /// The number of output channels.
    public var channels: Int
    /// Rows and columns of the kernel.
    public var size: Extent
    /// Zeros on each side.
    public var padding: Sides = 0
    /// The step between output positions.
    public var stride = 1
    /// Adds a bias to each channel.
    public var bias = true
    /// The standard deviation of the initial weights, N(0, deviation^2); nil for that of the network's
    /// `initialization`. Biases start at 0.
    public var initialDeviation: Double?

    /// Makes the settings.
    public init(
        channels: Int, size: Extent, padding: Sides? = nil, stride: Int? = nil, bias: Bool? = nil,
        initialDeviation: Double? = nil
    ) {
        self.channels = channels
        self.size = size
        if let padding { self.padding = padding }
        if let stride { self.stride = stride }
        if let bias { self.bias = bias }
        self.initialDeviation = initialDeviation
    }

    /// `convolution`.
    public static let key = "convolution"

    /// A mapping.
    public static var notation: LayerNotation<Self> {
        .settings(
            [
                .init("channels", \.channels, .integers(1...65_536), isRequired: true),
                .init("size", \.size, .extents(1...1024), isRequired: true),
                .init("padding", \.padding, .sides(0...1023)), .init("stride", \.stride, .integers(1...1024)),
                .init("bias", \.bias, .flags, omitted: true),
                .init("deviation", \.initialDeviation, .optional(.reals(0...1000)), omitted: .some(nil)),
            ], of: Self(channels: 1, size: 1))
    }

    /// `conv1`, `conv2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.beginProduct(layer, "conv", suffix: "")
        try graph.check(self, name)
        var input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        guard size.height <= shape.height + padding.top + padding.bottom,
            size.width <= shape.width + padding.left + padding.right
        else { throw graph.fault("\(name) has a kernel of \(size.height)x\(size.width) on an image of \(shape)") }
        // The kernels know one margin for all sides.
        if padding.uniform == nil { input = graph.appendPadding(padding, "\(name)_pad", input: input) }
        let convolution = Convolution(
            input: graph.shape(input), kernelHeight: size.height, kernelWidth: size.width, filters: channels,
            stride: stride, padding: padding.uniform ?? 0)
        try graph.appendProduct(
            convolution, name, input: input, hasBias: bias, initialDeviation: initialDeviation)
    }

    /// Behind it batch norm and the symmetric function; initial weights are N(0, 0.01^2).
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        var robust = layer
        var settings = self
        settings.initialDeviation = RobustLayers.initialDeviation
        robust.kind = settings
        network.layers += [robust, .batchNormalization, .activation(network.activation)]
        network.isBehindConvolution = true
    }
}

extension Layer {
    /// A convolution.
    public static func convolution(_ settings: ConvolutionLayer) -> Layer { Layer(settings) }
}
