/// An ONNX model under construction, with whatever a reader may meet: nodes, tensors of several kinds, any operator
/// set.
///
/// It knows nothing of the product's own reader and writer.
public struct ONNXModelWriter {
    /// An attribute of a node.
    public enum Attribute {
        case integer(Int)
        case integers([Int])
        case real(Float)
        case text(String)
    }

    private var graph: [UInt8] = []

    /// An empty graph.
    public init() {}

    /// Appends a node; returns its result, which has the node's name.
    public mutating func node(
        _ operation: String, _ inputs: [String], _ name: String, _ attributes: KeyValuePairs<String, Attribute> = [:]
    ) -> String {
        var node = inputs.flatMap { Self.field(1, $0) } + Self.field(2, name) + Self.field(3, name)
        node += Self.field(4, operation)
        for (name, attribute) in attributes { node += Self.field(5, Self.field(1, name) + Self.value(attribute)) }
        graph += Self.field(1, node)
        return name
    }

    /// Appends a tensor of float32 as raw bytes; returns its name.
    public mutating func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> String {
        add(name, shape, type: 1, Self.field(9, values.withUnsafeBytes { Array($0) }))
    }

    /// Appends a tensor of float32 as a list of floats; returns its name.
    public mutating func list(_ name: String, _ shape: [Int], _ values: [Float]) -> String {
        add(name, shape, type: 1, Self.field(4, values.withUnsafeBytes { Array($0) }))
    }

    /// Appends a tensor of int64; returns its name.
    public mutating func integers(_ name: String, _ shape: [Int], _ values: [Int]) -> String {
        add(name, shape, type: 7, Self.field(7, values.flatMap(Self.variable)))
    }

    /// Appends a tensor of one bool; returns its name.
    public mutating func flag(_ name: String, _ value: Bool) -> String {
        add(name, [], type: 9, Self.field(9, [value ? 1 : 0]))
    }

    /// Appends a tensor of float32 whose bytes are in another file; returns its name.
    public mutating func external(_ name: String, _ shape: [Int], location: String, offset: Int) -> String {
        let entries = [("location", location), ("offset", "\(offset)")].flatMap {
            Self.field(13, Self.field(1, $0.0) + Self.field(2, $0.1))
        }
        return add(name, shape, type: 1, entries + Self.field(14, 1))
    }

    private mutating func add(_ name: String, _ shape: [Int], type: Int, _ content: [UInt8]) -> String {
        let head = shape.flatMap { Self.field(1, $0) } + Self.field(2, type) + Self.field(8, name)
        graph += Self.field(5, head + content)
        return name
    }

    /// The model: an input `x` of a shape (nil: any extent), one output.
    public func model(input shape: [Int?], output: String, operatorSet: Int = 13) -> [UInt8] {
        let extents = shape.flatMap { Self.field(1, $0.map { Self.field(1, $0) } ?? Self.field(2, "n")) }
        let type = Self.field(2, Self.field(1, Self.field(1, 1) + Self.field(2, extents)))
        let graph = graph + Self.field(11, Self.field(1, "x") + type) + Self.field(12, Self.field(1, output))
        return Self.field(1, 8) + Self.field(2, "another") + Self.field(7, graph)
            + Self.field(8, Self.field(2, operatorSet))
    }

    private static func value(_ attribute: Attribute) -> [UInt8] {
        switch attribute {
        case .real(let value):
            let bits = value.bitPattern
            return [2 << 3 | 5] + (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } + field(20, 1)
        case .integer(let value): return field(3, value) + field(20, 2)
        case .text(let value): return field(4, value) + field(20, 3)
        case .integers(let values): return values.flatMap { field(8, $0) } + field(20, 7)
        }
    }

    private static func field(_ number: Int, _ value: Int) -> [UInt8] { variable(number << 3) + variable(value) }
    private static func field(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }
    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        variable(number << 3 | 2) + variable(bytes.count) + bytes
    }

    private static func variable(_ value: Int) -> [UInt8] {
        var (rest, bytes) = (UInt64(bitPattern: Int64(value)), [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
