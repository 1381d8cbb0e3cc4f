import Kernels

/// A convolution.
///
/// Its result is (side + padding on both sides - (size - 1) dilation - 1) / stride + 1 rows or columns, rounded down,
/// with `channels` channels; parameters are `weight`, OIHW with I = input channels / groups, and `bias`.
public struct ConvolutionLayer: LayerKind {
    /// The number of output channels.
    public var channels: Int
    /// Rows and columns of the kernel.
    public var size: Extent
    /// Zeros on each side.
    public var padding: Sides = 0
    /// The step between output positions.
    public var stride = 1
    /// The step between the kernel's positions on the image, of its rows and of its columns.
    public var dilation: Extent = 1
    /// The parts into which input and output channels are divided, each connected with its own alone.
    public var groups = 1
    /// Adds a bias to each channel.
    public var bias = true
    /// The standard deviation of the initial weights, N(0, deviation^2); nil for that of the network's
    /// `initialization`. Biases start at 0.
    public var initialDeviation: Double?

    /// Makes the settings.
    public init(
        channels: Int, size: Extent, padding: Sides? = nil, stride: Int? = nil, dilation: Extent? = nil,
        groups: Int? = nil, bias: Bool? = nil, initialDeviation: Double? = nil
    ) {
        self.channels = channels
        self.size = size
        if let padding { self.padding = padding }
        if let stride { self.stride = stride }
        if let dilation { self.dilation = dilation }
        if let groups { self.groups = groups }
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
                .init("dilation", \.dilation, .extents(1...1024), omitted: 1),
                .init("groups", \.groups, .integers(1...65_536), omitted: 1),
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
        let reach = size.spanned(by: dilation)
        guard reach.height <= shape.height + padding.top + padding.bottom,
            reach.width <= shape.width + padding.left + padding.right
        else { throw graph.fault("\(name) has a kernel of \(reach.height)x\(reach.width) on an image of \(shape)") }
        guard shape.channels % groups == 0, channels % groups == 0 else {
            throw graph.fault(
                "\(name) has \(groups) groups, which divide its \(shape.channels) input channels and its \(channels) "
                    + "output channels into unequal parts")
        }
        // The kernels know one margin for all sides.
        if padding.uniform == nil { input = graph.appendPadding(padding, "\(name)_pad", input: input) }
        let convolution = Convolution(
            input: graph.shape(input), kernelHeight: size.height, kernelWidth: size.width, filters: channels,
            stride: stride, padding: padding.uniform ?? 0, dilation: dilation, groups: groups)
        try graph.appendProduct(
            convolution, name, input: input, hasBias: bias, initialDeviation: initialDeviation)
    }

    /// A convolution, and what puts unequal margins around its input.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        if case .padding(let sides, _) = node.node.operation {
            let pads = [0, 0, sides.top, sides.left, 0, 0, sides.bottom, sides.right]
            let name = node.node.name
            return graph.node("Pad", node.inputs + [graph.tensor("\(name)_sides", integers: pads)], name: name)
        }
        let margin = padding.uniform ?? 0
        return try graph.convolution(
            node, size: size, stride: stride, padding: margin, dilation: dilation, groups: groups, hasBias: bias)
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

extension OperatorGraph {
    /// Appends a convolution with its parameters; returns the name of its result.
    mutating func convolution(
        _ written: WrittenNode, size: Extent, stride: Int = 1, padding: Int = 0, dilation: Extent = 1,
        groups: Int = 1, hasBias: Bool = true
    ) throws -> String {
        let filters = written.node.shape.channels
        let shape = [filters, written.inputShapes[0].channels / groups, size.height, size.width]
        var inputs = written.inputs + [try written.write("weight", shape, to: &self)]
        if hasBias { inputs.append(try written.write("bias", [filters], to: &self)) }
        var attributes: [(String, OperatorAttribute)] = [
            ("kernel_shape", .integers([size.height, size.width])), ("strides", .integers([stride, stride])),
            ("pads", .integers([padding, padding, padding, padding])),
        ]
        if dilation != 1 { attributes.append(("dilations", .integers([dilation.height, dilation.width]))) }
        if groups > 1 { attributes.append(("group", .integer(groups))) }
        return node("Conv", inputs, name: written.node.name, attributes)
    }
}

extension Layer {
    /// A convolution.
    public static func convolution(_ settings: ConvolutionLayer) -> Layer { Layer(settings) }
}
