import Kernels

/// Its input's elements as an image of another shape, in the order of channels, rows, columns (that of other programs
/// and of tensors in files): for data that lies as rows, or an image behind a fully connected layer.
///
/// Its result has the shape that the settings say, of as many elements as its input.
public struct ReshapeLayer: LayerKind {
    /// Channels of the result.
    public var channels: Int
    /// Rows of the result.
    public var height: Int
    /// Columns of the result.
    public var width: Int

    /// Makes the settings.
    public init(channels: Int, height: Int = 1, width: Int = 1) {
        (self.channels, self.height, self.width) = (channels, height, width)
    }

    /// `reshape`.
    public static let key = "reshape"

    /// A mapping; rows and columns default to one.
    public static var notation: LayerNotation<Self> {
        .settings(
            [
                .init("channels", \.channels, .integers(1...16_777_216), isRequired: true),
                .init("height", \.height, .integers(1...65_536)), .init("width", \.width, .integers(1...65_536)),
            ], of: Self(channels: 1))
    }

    /// `reshape1`, `reshape2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        try graph.check(self, name)
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        let (area, overflow) = (height * width).multipliedReportingOverflow(by: channels)
        guard !overflow, area == shape.count else {
            throw graph.fault(
                "\(name) makes an image of \(height)x\(width)x\(channels) of one of \(shape), which has other elements")
        }
        graph.append(
            .rearrangement(shape), name, inputs: [input],
            shape: ImageShape(height: height, width: width, channels: channels))
    }

    /// A reshape.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        graph.reshape(node)
    }
}

extension OperatorGraph {
    /// Appends a reshape to the shape of a node's result; returns the name of its result.
    mutating func reshape(_ written: WrittenNode) -> String {
        let (name, shape) = (written.node.name, written.node.shape)
        // 0 leaves the batch as it is.
        let target = tensor("\(name)_shape", integers: [0, shape.channels, shape.height, shape.width])
        return node("Reshape", written.inputs + [target], name: name)
    }
}

extension Layer {
    /// An image of another shape.
    public static func reshape(_ settings: ReshapeLayer) -> Layer { Layer(settings) }
}
