import Kernels

/// An elementwise function; its result has its input's shape.
public struct ActivationLayer: LayerKind {
    /// The function.
    public var function: Activation

    /// Makes the settings.
    public init(_ function: Activation) { self.function = function }

    /// `activation`.
    public static let key = "activation"

    /// The function's name.
    public static var notation: LayerNotation<Self> {
        .value(.init("activation", \.function, .words), of: Self(.identity), name: "function")
    }

    /// `act1` behind `conv1`, `act_fc1` behind `fc1`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.name(layer, "act")
        let input = try graph.input(of: layer, name)
        graph.append(.activation(function), name, inputs: [input], shape: graph.shape(input))
    }

    /// Between fully connected layers as it is, elsewhere none.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        if !network.isBehindConvolution, !network.isBehindLast { network.layers.append(layer) }
    }
}

extension Layer {
    /// An elementwise function.
    public static func activation(_ function: Activation) -> Layer { Layer(ActivationLayer(function)) }
}
