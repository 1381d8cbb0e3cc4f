/// A residual block, y = body(x) + shortcut(x) (He et al. 2016): written as one layer, laid out as those of its two
/// branches and their sum.
public struct ResidualBlock: LayerKind {
    /// The layers of the body, at least one.
    public var body: [Layer]
    /// The layers of the shortcut; none for x itself.
    public var shortcut: [Layer] = []

    /// Makes a block.
    public init(body: [Layer], shortcut: [Layer]? = nil) {
        self.body = body
        if let shortcut { self.shortcut = shortcut }
    }

    /// `residual`.
    public static let key = "residual"

    /// A mapping.
    public static var notation: LayerNotation<Self> {
        .settings(
            [
                .init("body", \.body, .layers, isRequired: true),
                .init("shortcut", \.shortcut, .layers, omitted: []),
            ], of: Self(body: []))
    }

    /// The branches' layers, `block1_conv1`, `block1_shortcut_conv1`, ..., and `block1_add`.
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, "block")
        guard !body.isEmpty else { throw graph.fault("\(name) has a body without layers") }
        let input = try graph.input(of: layer, name)
        let ends = try [(name, body), ("\(name)_shortcut", shortcut)].map { prefix, layers in
            try graph.appendBranch(layers, prefix: prefix, behind: input)
        }
        // Nothing is spread: a branch of 1x1 is a pool too many.
        try graph.appendArithmetic(.sum, "\(name)_add", inputs: ends, spread: false)
        graph.suffix = "_\(name)"
    }

    /// The sum of the branches, which is its only node of its own.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        try AddLayer().write(node, to: &graph)
    }

    /// The branches in their robust form; an activation behind the sum is left out, since each of its terms comes out
    /// of one.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) {
        var robust = layer
        robust.kind = ResidualBlock(
            body: network.robustBranch(body), shortcut: network.robustBranch(shortcut))
        network.layers.append(robust)
        network.isBehindConvolution = true
    }
}

extension Layer {
    /// True where it, or a layer within it, names its inputs.
    public var namesInputs: Bool {
        guard inputs.isEmpty, let block = kind as? ResidualBlock else { return !inputs.isEmpty }
        return (block.body + block.shortcut).contains(where: \.namesInputs)
    }

    /// A residual block.
    public static func residual(body: [Layer], shortcut: [Layer] = [], name: String? = nil) -> Layer {
        Layer(ResidualBlock(body: body, shortcut: shortcut), name: name)
    }
}
