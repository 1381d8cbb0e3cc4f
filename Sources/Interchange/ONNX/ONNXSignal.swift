import Kernels

/// A value of an ONNX graph that depends on the image: a step's result behind elementwise functions, in some order.
struct ONNXSignal {
    /// An elementwise function of which activations are made up.
    enum Elementwise: Equatable {
        case operation(ElementaryOperation)
        /// scale x + shift.
        case affine(scale: Float, shift: Float)
    }

    /// The step whose result it is.
    var step: Int
    /// Elementwise functions behind the step that are no layer yet.
    private(set) var functions: [Elementwise] = []
    /// The nodes that they came from, one each.
    private(set) var origins: [(title: String, name: String)] = []
    /// The node that gave it another shape last.
    var reshape = (title: "", name: "")
    /// The extents without the batch.
    var shape: [Int]
    /// Where each element stands in the step's result, CHW; nil where they stand in that order.
    var order: [Int32]?
    /// Zeros around it, not part of `shape` yet.
    var padding = ImportedGraph.Sides()

    /// The number of elements of an image.
    var count: Int { shape.reduce(1, *) }

    /// Appends an elementwise function that a node is.
    mutating func append(_ function: Elementwise, of node: ONNXFile.Node) {
        functions.append(function)
        origins.append((node.title, node.name))
    }

    /// Takes the first or last elementwise functions off.
    mutating func removeFunctions(first: Int = 0, last: Int = 0) {
        functions = functions.dropFirst(first).dropLast(last)
        origins = origins.dropFirst(first).dropLast(last)
    }

    /// Another shape of as many elements.
    func reshaped(_ shape: [Int]) -> ONNXSignal {
        var signal = self
        signal.shape = shape
        return signal
    }

    /// The same by a node.
    func reshaped(_ shape: [Int], by node: ONNXFile.Node) -> ONNXSignal {
        var signal = reshaped(shape)
        signal.reshape = (node.title, node.name)
        return signal
    }

    /// The axes in another order: axis `permutation[i]` becomes axis i.
    func transposed(_ permutation: [Int]) -> ONNXSignal {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        var signal = self
        signal.shape = permutation.map { shape[$0] }
        var places: [Int32] = [0]
        for axis in permutation {
            places = places.flatMap { place in (0..<shape[axis]).map { place + Int32($0 * strides[axis]) } }
        }
        signal.order = order.map { order in places.map { order[Int($0)] } } ?? places
        if let order = signal.order, order.indices.allSatisfy({ order[$0] == Int32($0) }) { signal.order = nil }
        return signal
    }
}

/// A value of an ONNX graph that does not depend on the image.
struct ONNXConstant {
    enum Elements {
        case floats([Float])
        case integers([Int])
    }

    /// The size of the batch in a shape that a model computes: no extent, and not the -1 of one that is left open.
    static let batch = Int.min

    var shape: [Int]
    var elements: Elements

    var floats: [Float]? {
        if case .floats(let values) = elements { values } else { nil }
    }
    var integers: [Int]? {
        if case .integers(let values) = elements { values } else { nil }
    }
    /// The number of a constant of one.
    var number: Float? { floats.flatMap { $0.count == 1 ? $0[0] : nil } }
}
