import Essentials

/// An ONNX model as its file says it, not yet understood: nodes, constants, inputs and outputs by their names.
///
/// Field numbers are those of onnx.proto (https://github.com/onnx/onnx).
struct ONNXFile {
    /// An attribute of a node.
    enum Attribute {
        case real(Float)
        case integer(Int)
        case text(String)
        case tensor(ONNXTensor)
        case reals([Float])
        case integers([Int])
        /// A graph, a sparse tensor and the like.
        case other
    }

    /// A node: one operation.
    struct Node {
        var name = ""
        var operation = ""
        var domain = ""
        var inputs: [String] = []
        var outputs: [String] = []
        var attributes: [String: Attribute] = [:]

        /// The node in sentences: `node 'conv1' (Conv)`; one without a name goes by its first result.
        var title: String {
            let name = shortened(name.isEmpty ? outputs.first ?? "" : name)
            let prefix = domain.isEmpty || domain == "ai.onnx" ? "" : "\(shortened(domain))."
            return "node '\(name)' (\(prefix)\(shortened(operation)))"
        }
    }

    /// An input or output of the graph.
    struct Value {
        var name = ""
        /// The number of its elements' type; 0 where it is not said.
        var elementType = 0
        /// The extents; nil for one that is not fixed. Nil where no shape is said.
        var shape: [Int?]?
    }

    private(set) var producer = ""
    /// The version of the standard operators.
    private(set) var operatorSet = 0
    private(set) var nodes: [Node] = []
    private(set) var constants: [String: ONNXTensor] = [:]
    private(set) var inputs: [Value] = []
    private(set) var outputs: [Value] = []
    private(set) var metadata: [String: String] = [:]

    /// Most nodes, tensors and the like of a file: far beyond any network, far below what fills the memory.
    private static let most = 200_000

    /// Reads a model.
    ///
    /// - Throws: `Failure` 65 in a sentence's end: what is wrong with the bytes.
    init(_ bytes: [UInt8]) throws {
        // A zip archive as torch.save writes it, and a pickle of protocol 2 or later.
        if bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.count > 1 && bytes[0] == 0x80 && (2...5).contains(bytes[1]) {
            throw Failure(
                .data,
                "it is a zip archive or a pickle, as torch.save writes them; pickles run what they hold and are never "
                    + "read: export the network by torch.onnx.export, or its parameters as safetensors")
        }
        do { try read(bytes[...]) } catch let error as ProtocolReader.Malformed {
            throw Failure(.data, "it is no whole ONNX model: \(error.reason)")
        }
        guard operatorSet > 0, !outputs.isEmpty else {
            throw Failure(.data, "it is no ONNX model: it has no \(operatorSet > 0 ? "outputs" : "operator set")")
        }
        guard (7...22).contains(operatorSet) else {
            throw Failure(
                .data, "it uses operator set \(operatorSet); 7 to 22 are read: export it with opset_version=18")
        }
    }

    private mutating func read(_ model: ArraySlice<UInt8>) throws {
        try ProtocolReader.forEachField(model) { field, value in
            switch field {
            case 2: producer = try value.text("the producer's name")
            case 7: try readGraph(try value.bytes("the graph"))
            case 8:
                var (domain, version) = ("", 0)
                try ProtocolReader.forEachField(try value.bytes("an operator set")) { field, value in
                    if field == 1 { domain = try value.text("a domain") }
                    if field == 2 { version = try value.integer("a version") }
                }
                if domain.isEmpty || domain == "ai.onnx" { operatorSet = version }
            case 14:
                let (key, text) = try Self.pair(value)
                metadata[key] = text
            default: break
            }
        }
    }

    private mutating func readGraph(_ graph: ArraySlice<UInt8>) throws {
        var (count, elements) = (0, 0)
        try ProtocolReader.forEachField(graph) { field, value in
            count += 1
            guard count <= Self.most else { throw ProtocolReader.Malformed(reason: "more than \(Self.most) objects") }
            switch field {
            case 1: nodes.append(try Self.node(try value.bytes("a node")))
            case 5:
                let tensor = try ONNXTensor(try value.bytes("a tensor"))
                elements += tensor.count
                guard elements <= ONNXTensor.mostElements else {
                    throw ProtocolReader.Malformed(reason: "its tensors take more than 2 GiB")
                }
                guard constants.updateValue(tensor, forKey: tensor.name) == nil else {
                    throw ProtocolReader.Malformed(reason: "two tensors are called '\(shortened(tensor.name))'")
                }
            case 11: inputs.append(try Self.value(try value.bytes("an input")))
            case 12: outputs.append(try Self.value(try value.bytes("an output")))
            case 15: throw ProtocolReader.Malformed(reason: "it holds sparse tensors")
            default: break
            }
        }
        // Older files list their constants as inputs, too.
        inputs.removeAll { constants[$0.name] != nil }
    }

    private static func node(_ bytes: ArraySlice<UInt8>) throws -> Node {
        var node = Node()
        try ProtocolReader.forEachField(bytes) { field, value in
            switch field {
            case 1: node.inputs.append(try value.text("a node's input"))
            case 2: node.outputs.append(try value.text("a node's output"))
            case 3: node.name = try value.text("a node's name")
            case 4: node.operation = try value.text("a node's operator")
            case 5:
                let (name, attribute) = try Self.attribute(try value.bytes("an attribute"))
                node.attributes[name] = attribute
            case 7: node.domain = try value.text("a node's domain")
            default: break
            }
        }
        return node
    }

    private static func attribute(_ bytes: ArraySlice<UInt8>) throws -> (String, Attribute) {
        var (name, type) = ("", 0)
        var (real, integer, text): (Float, Int, String) = (0, 0, "")
        var tensor: ONNXTensor?
        var (reals, integers): ([Float], [Int]) = ([], [])
        try ProtocolReader.forEachField(bytes) { field, value in
            switch field {
            case 1: name = try value.text("an attribute's name")
            case 2: real = try value.real("an attribute")
            case 3: integer = try value.integer("an attribute")
            // A text need not be UTF-8; none of those that mean something here is anything else.
            case 4: text = String(decoding: try value.bytes("an attribute"), as: UTF8.self)
            case 5: tensor = try ONNXTensor(try value.bytes("an attribute"))
            case 7: try value.append(to: &reals, "an attribute")
            case 8: try value.append(to: &integers, "an attribute")
            case 20: type = try value.integer("an attribute's type")
            default: break
            }
        }
        switch type {
        case 1: return (name, .real(real))
        case 2: return (name, .integer(integer))
        case 3: return (name, .text(text))
        case 4: return (name, tensor.map { .tensor($0) } ?? .other)
        case 6: return (name, .reals(reals))
        case 7: return (name, .integers(integers))
        default: return (name, .other)
        }
    }

    private static func value(_ bytes: ArraySlice<UInt8>) throws -> Value {
        var result = Value()
        try ProtocolReader.forEachField(bytes) { field, value in
            switch field {
            case 1: result.name = try value.text("a value's name")
            case 2:
                try ProtocolReader.forEachField(try value.bytes("a type")) { field, value in
                    guard field == 1 else { return }
                    try ProtocolReader.forEachField(try value.bytes("a type")) { field, value in
                        if field == 1 { result.elementType = try value.integer("a type") }
                        if field == 2 { result.shape = try shape(try value.bytes("a shape")) }
                    }
                }
            default: break
            }
        }
        return result
    }

    private static func shape(_ bytes: ArraySlice<UInt8>) throws -> [Int?] {
        var extents: [Int?] = []
        try ProtocolReader.forEachField(bytes) { field, value in
            guard field == 1 else { return }
            var extent: Int?
            try ProtocolReader.forEachField(try value.bytes("a dimension")) { field, value in
                if field == 1 { extent = try value.integer("a dimension") }
            }
            // 0 and -1 stand for an extent that is not fixed in some exporters' files.
            extents.append(extent.flatMap { $0 > 0 ? $0 : nil })
        }
        return extents
    }

    static func pair(_ value: ProtocolReader.Value) throws -> (key: String, value: String) {
        var (key, text) = ("", "")
        try ProtocolReader.forEachField(try value.bytes("an entry")) { field, value in
            if field == 1 { key = try value.text("a key") }
            if field == 2 { text = try value.text("an entry") }
        }
        return (key, text)
    }
}

/// A name of a file for a sentence: at most 80 characters.
func shortened(_ name: String) -> String { name.count <= 80 ? name : name.prefix(77) + "..." }
