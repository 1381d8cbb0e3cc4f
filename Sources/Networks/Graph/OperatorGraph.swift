import Kernels

/// A network as other programs take it: a graph of operators, called as in the standard of ONNX
/// (https://onnx.ai/onnx/operators/), with images channels first.
public protocol OperatorGraph {
    /// Appends a node; returns the name of its result, which is the node's own, with a number behind it where that is
    /// taken.
    mutating func node(
        _ operation: String, _ inputs: [String], name: String, _ attributes: [(String, OperatorAttribute)]
    ) -> String
    /// Appends a float32 tensor; returns its name.
    mutating func tensor(_ name: String, shape: [Int], _ values: [Float]) -> String
    /// Appends an int64 tensor of one dimension; returns its name.
    mutating func tensor(_ name: String, integers: [Int]) -> String
}

extension OperatorGraph {
    /// Appends a node without attributes.
    public mutating func node(_ operation: String, _ inputs: [String], name: String) -> String {
        node(operation, inputs, name: name, [])
    }
}

/// An attribute of a node.
public enum OperatorAttribute {
    /// A whole number.
    case integer(Int)
    /// Whole numbers.
    case integers([Int])
    /// A number.
    case real(Float)
}

/// A node of a network's graph that its layer kind writes as operators, in evaluation mode, with what it takes.
public struct WrittenNode {
    /// The node.
    public let node: NetworkGraph.Node
    /// The names of the values that it takes, and their shapes.
    public let inputs: [String], inputShapes: [ImageShape]
    /// The convolution or fully connected layer that it follows, after which pools and activations are called.
    public let product: String?
    /// Batch norm's epsilon.
    public let stabilizer: Double
    /// A parameter of the node's layer: `weight`, of a shape.
    private let parameter: (_ name: String, _ shape: [Int]) throws -> [Float]

    /// Makes a node with its surroundings.
    public init(
        _ node: NetworkGraph.Node, inputs: [String], inputShapes: [ImageShape], product: String?, stabilizer: Double,
        parameter: @escaping (_ name: String, _ shape: [Int]) throws -> [Float]
    ) {
        self.node = node
        self.inputs = inputs
        self.inputShapes = inputShapes
        self.product = product
        self.stabilizer = stabilizer
        self.parameter = parameter
    }

    /// Appends a parameter of the node's layer, `conv1.weight`; returns its name.
    func write(_ name: String, _ shape: [Int], to graph: inout some OperatorGraph) throws -> String {
        graph.tensor("\(node.name).\(name)", shape: shape, try parameter(name, shape))
    }
}
