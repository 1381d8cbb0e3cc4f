/// A constant affine map of each channel, y = scale x + shift: the normalisation of a network's input. It has no
/// parameters.
public struct AffineLayer: LayerKind {
    /// One number for all channels, or one for each.
    public var scale: [Float] = [1]
    /// One number for all channels, or one for each.
    public var shift: [Float] = [0]

    /// Makes the settings.
    public init(scale: [Float]? = nil, shift: [Float]? = nil) {
        if let scale { self.scale = scale }
        if let shift { self.shift = shift }
    }

    /// `affine`.
    public static let key = "affine"

    /// A mapping.
    public static var notation: LayerNotation<Self> {
        .settings([.init("scale", \.scale, .channels), .init("shift", \.shift, .channels)], of: Self())
    }

    /// `affine1`, `affine2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        try graph.check(self, name)
        let input = try graph.input(of: layer, name)
        let shape = graph.shape(input)
        let counts = [1, shape.channels]
        for (setting, values) in [("scale", scale), ("shift", shift)] where !counts.contains(values.count) {
            throw graph.fault(
                "\(name) has \(values.count) numbers as \(setting) for \(shape.channels) channels; allowed: one, "
                    + "or one for each")
        }
        graph.append(.affine(scale: scale, shift: shift), name, inputs: [input], shape: shape)
    }

    /// A product and a sum with the constants.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        let name = node.node.name
        let factor = graph.tensor("\(name)_scale", shape: [1, scale.count, 1, 1], scale)
        let scaled = graph.node("Mul", node.inputs + [factor], name: "\(name)_scaled")
        let term = graph.tensor("\(name)_shift", shape: [1, shift.count, 1, 1], shift)
        return graph.node("Add", [scaled, term], name: name)
    }
}

extension Layer {
    /// A constant affine map of each channel.
    public static func affine(scale: [Float]? = nil, shift: [Float]? = nil) -> Layer {
        Layer(AffineLayer(scale: scale, shift: shift))
    }
}
