import Kernels

/// Maximum or average pooling.
///
/// Its result is (side + padding on both sides - size) / stride + 1 rows or columns, rounded down, with its input's
/// channels.
public struct PoolingLayer: LayerKind {
    /// Maximum or average.
    public var kind: Pooling.Kind
    /// Rows and columns of the window.
    public var size: Int
    /// The step between windows.
    public var stride: Int
    /// Rows added at the bottom and columns at the right.
    public var padding = 0
    /// Rows added at the top and columns at the left.
    public var paddingBefore = 0

    /// Makes the settings.
    public init(_ kind: Pooling.Kind, size: Int, stride: Int, padding: Int? = nil, paddingBefore: Int? = nil) {
        self.kind = kind
        self.size = size
        self.stride = stride
        if let padding { self.padding = padding }
        if let paddingBefore { self.paddingBefore = paddingBefore }
    }

    /// `pooling`.
    public static let key = "pooling"

    /// A mapping; `stride` defaults to the size.
    public static var notation: LayerNotation<Self> {
        .settings(
            [
                .init("kind", \.kind, .words, isRequired: true),
                .init("size", \.size, .integers(1...15), isRequired: true),
                .init("stride", \.stride, .integers(1...1024), unstated: { $0.stride = $0.size }),
                .init("padding", \.padding, .integers(0...14)),
                .init("padding_before", \.paddingBefore, .integers(0...14), omitted: 0),
            ], of: Self(.max, size: 1, stride: 1))
    }

    /// `pool1` behind `conv1`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.name(layer, "pool")
        try graph.check(self, name)
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        guard padding < size, paddingBefore < size, size <= min(shape.height, shape.width) + padding + paddingBefore
        else {
            let all = paddingBefore == 0 ? "\(padding)" : "\(paddingBefore) and \(padding)"
            throw graph.fault(
                "\(name) has a window of \(size), a stride of \(stride) and a padding of \(all) on an image of "
                    + "\(shape)")
        }
        let pooling = Pooling(
            input: shape, kind: kind, size: size, stride: stride, padding: padding, paddingBefore: paddingBefore)
        graph.append(.pooling(pooling), name, inputs: [input], shape: pooling.output)
    }
}

extension PoolingLayer {
    /// A pool. By default an average does not count cells outside the image.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        graph.node(
            kind == .max ? "MaxPool" : "AveragePool", node.inputs,
            name: node.product.map { "\($0)_pool" } ?? node.node.name,
            [
                ("kernel_shape", .integers([size, size])), ("strides", .integers([stride, stride])),
                ("pads", .integers([paddingBefore, paddingBefore, padding, padding])),
            ])
    }
}

extension Layer {
    /// Maximum or average pooling.
    public static func pooling(_ settings: PoolingLayer) -> Layer { Layer(settings) }
}
