import Kernels

/// Activations among elementwise functions: each of the catalogue by its own elementary operations, and some by the
/// ways in which exporters write them.
enum ONNXActivations {
    /// The layers that a row of elementwise functions is made of; nil for one that is no layer.
    ///
    /// - Returns: the operations, and the first function that belongs to no layer.
    static func layers(_ functions: [ONNXSignal.Elementwise]) -> [ImportedGraph.Operation]? {
        var layers: [ImportedGraph.Operation] = []
        var rest = functions[...]
        while let first = rest.first {
            if let (activation, count) = match(rest) {
                layers.append(.activation(activation))
                rest = rest.dropFirst(count)
            } else if case .affine(let scale, let shift) = first {
                layers.append(.affine(scale: [scale], shift: [shift]))
                rest = rest.dropFirst()
            } else {
                return nil
            }
        }
        return layers
    }

    /// The longest activation at the start of a row of functions.
    private static func match(_ functions: ArraySlice<ONNXSignal.Elementwise>) -> (Activation, Int)? {
        var candidates = Activation.allCases.map { ($0, $0.operations.map { ONNXSignal.Elementwise.operation($0) }) }
        candidates += hardSwishes.map { (.hardSwish, $0) }
        // Functions whose parameters are not the default ones.
        switch functions.first {
        case .operation(.leakyReLU(let slope)): candidates += named("leaky_relu:slope=\(slope)")
        case .operation(.clip(let low, let high)): candidates += named("clip:low=\(low):high=\(high)")
        default: break
        }
        return candidates.filter { !$0.1.isEmpty && functions.starts(with: $0.1) }
            .max { $0.1.count < $1.1.count }.map { ($0.0, $0.1.count) }
    }

    private static func named(_ text: String) -> [(Activation, [ONNXSignal.Elementwise])] {
        Activation(rawValue: text).map { [($0, $0.operations.map { .operation($0) })] } ?? []
    }

    /// Hard swish as x clip(x + 3) / 6, with the division last, or before the product.
    private static let hardSwishes: [[ONNXSignal.Elementwise]] = {
        let clip: [ONNXSignal.Elementwise] = [.affine(scale: 1, shift: 3), .operation(.clip(low: 0, high: 6))]
        let sixth = ONNXSignal.Elementwise.affine(scale: 1 / 6, shift: 0)
        return [clip + [.operation(.timesInput), sixth], clip + [sixth, .operation(.timesInput)]]
    }()
}
