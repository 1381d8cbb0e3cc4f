import Kernels

/// The channels of its inputs behind each other; its inputs have one height and one width.
public struct ConcatenateLayer: LayerKind {
    /// Makes it.
    public init() {}

    /// `concatenate`.
    public static let key = "concatenate"

    /// A bare word; `inputs` beside it name what is put together.
    public static var notation: LayerNotation<Self> { .word(Self()) }

    /// `concatenate1`, `concatenate2`, ...
    public func append(_ layer: Layer, to graph: inout GraphBuilder) throws {
        let name = graph.numberedName(layer, Self.key)
        let inputs = try graph.inputs(of: layer, name)
        let shapes = inputs.map { graph.shape($0) }
        let first = shapes[0]
        guard shapes.allSatisfy({ $0.height == first.height && $0.width == first.width }) else {
            throw graph.fault("\(name) takes images of \(shapes.map { "\($0)" }.joined(separator: " and "))")
        }
        let channels = shapes.reduce(0) { $0 + $1.channels }
        guard channels <= 65_536 else { throw graph.fault("\(name) has \(channels) channels; at most 65536") }
        graph.append(
            .concatenation, name, inputs: inputs,
            shape: ImageShape(height: first.height, width: first.width, channels: channels))
    }

    /// A concatenation along the channels.
    public func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String {
        graph.node("Concat", node.inputs, name: node.node.name, [("axis", .integer(1))])
    }
}

extension Layer {
    /// The channels of layers behind each other.
    public static func concatenate(_ inputs: [String], name: String? = nil) -> Layer {
        Layer(ConcatenateLayer(), name: name, inputs: inputs)
    }
}
