import Essentials
import Networks

/// An ONNX graph under construction: nodes in order, each with one result, and the tensors they take.
///
/// Field numbers are those of onnx.proto (https://github.com/onnx/onnx), IR version 8, operator set 13.
struct ONNXGraph: OperatorGraph {
    private static let (irVersion, operatorSet) = (8, 13)
    private static let (float, int64) = (1, 7)

    /// An input or output: its name and shape, nil for the images of a batch.
    typealias Value = (name: String, shape: [Int?])

    private var graph = ProtocolBuffer()
    private var results = Set<String>()

    /// Appends a node; returns the name of its result, which is the node's own.
    mutating func node(
        _ operation: String, _ inputs: [String], name: String, _ attributes: [(String, OperatorAttribute)]
    ) -> String {
        var unique = name
        var number = 2
        while !results.insert(unique).inserted {
            unique = "\(name)_\(number)"
            number += 1
        }
        var node = ProtocolBuffer()
        for input in inputs { node.add(1, input) }
        node.add(2, unique)
        node.add(3, unique)
        node.add(4, operation)
        for (name, value) in attributes { node.add(5, Self.message(name, value)) }
        graph.add(1, node)
        return unique
    }

    /// Appends a float32 tensor; returns its name.
    mutating func tensor(_ name: String, shape: [Int], _ values: [Float]) -> String {
        var tensor = ProtocolBuffer()
        for extent in shape { tensor.add(1, extent) }
        tensor.add(2, Self.float)
        tensor.add(8, name)
        tensor.add(9, bytes: values.withUnsafeBytes { Array($0) })
        graph.add(5, tensor)
        return name
    }

    /// Appends an int64 tensor of one dimension; returns its name.
    mutating func tensor(_ name: String, integers: [Int]) -> String {
        var tensor = ProtocolBuffer()
        tensor.add(1, integers.count)
        tensor.add(2, Self.int64)
        tensor.add(8, name)
        tensor.add(9, bytes: integers.map { Int64($0).littleEndian }.withUnsafeBytes { Array($0) })
        graph.add(5, tensor)
        return name
    }

    /// The bytes of the file.
    consuming func model(
        name: String, inputs: [Value], outputs: [Value], version: String, metadata: [(String, String)]
    ) -> [UInt8] {
        graph.add(2, name)
        for input in inputs { graph.add(11, Self.message(input)) }
        for output in outputs { graph.add(12, Self.message(output)) }
        var operators = ProtocolBuffer()
        operators.add(1, "")
        operators.add(2, Self.operatorSet)
        var model = ProtocolBuffer()
        model.add(1, Self.irVersion)
        model.add(2, "steadfast")
        model.add(3, version)
        model.add(7, graph)
        model.add(8, operators)
        for (key, value) in metadata {
            var entry = ProtocolBuffer()
            entry.add(1, key)
            entry.add(2, value)
            model.add(14, entry)
        }
        return model.bytes
    }

    private static func message(_ name: String, _ value: OperatorAttribute) -> ProtocolBuffer {
        var attribute = ProtocolBuffer()
        attribute.add(1, name)
        let type: Int
        switch value {
        case .real(let number):
            attribute.add(2, number)
            type = 1
        case .integer(let number):
            attribute.add(3, number)
            type = 2
        case .integers(let numbers):
            for number in numbers { attribute.add(8, number) }
            type = 7
        }
        attribute.add(20, type)
        return attribute
    }

    private static func message(_ value: Value) -> ProtocolBuffer {
        var shape = ProtocolBuffer()
        for extent in value.shape {
            var dimension = ProtocolBuffer()
            if let extent { dimension.add(1, extent) } else { dimension.add(2, "images") }
            shape.add(1, dimension)
        }
        var tensor = ProtocolBuffer()
        tensor.add(1, float)
        tensor.add(2, shape)
        var type = ProtocolBuffer()
        type.add(1, tensor)
        var message = ProtocolBuffer()
        message.add(1, value.name)
        message.add(2, type)
        return message
    }
}
