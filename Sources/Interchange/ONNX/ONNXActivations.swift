import Kernels

/// Activations among elementwise functions: each of the catalogue by its own elementary operations, and some by the
/// ways in which exporters write them.
enum ONNXActivations {
    /// What a layer made of elementwise functions takes: the result that the row of functions starts from, or that of
    /// the layer before.
    enum Operand { case start, before }

    /// No layer does what the function at this place of a row does.
    struct NoLayer: Error { let place: Int }

    /// The layers that a row of elementwise functions is made of, each with its operands.
    static func layers(
        _ functions: [ONNXSignal.Elementwise]
    ) throws(NoLayer) -> [(operation: ImportedGraph.Operation, operands: [Operand])] {
        var layers: [(ImportedGraph.Operation, [Operand])] = []
        var rest = functions[...]
        while let first = rest.first {
            let match = match(rest)
            switch (match, first) {
            case ((let activation, _)?, _): layers.append((.activation(activation), [.before]))
            case (_, .affine(let scale, let shift)): layers.append((.affine(scale: [scale], shift: [shift]), [.before]))
            // Parts of activations that stand alone.
            case (_, .operation(.square)): layers.append((.arithmetic(.product), [.before, .before]))
            case (_, .operation(.timesInput)): layers.append((.arithmetic(.product), [.start, .before]))
            case (_, .operation(.negated)): layers.append((.affine(scale: [-1], shift: [0]), [.before]))
            case (_, .operation(.oneMinus)): layers.append((.affine(scale: [-1], shift: [1]), [.before]))
            case (_, .operation(.hardSigmoid(let slope, let offset))):
                layers.append((.affine(scale: [slope], shift: [offset]), [.before]))
                layers += named("clip:low=0:high=1").map { (.activation($0.0), [.before]) }
            default: throw NoLayer(place: rest.startIndex)
            }
            rest = rest.dropFirst(match?.count ?? 1)
        }
        return layers
    }

    /// True where an activation begins with these functions.
    static func begins(with functions: [ONNXSignal.Elementwise]) -> Bool {
        forms.contains { $0.functions.starts(with: functions) }
    }

    /// The longest activation at the start of a row of functions.
    private static func match(
        _ functions: ArraySlice<ONNXSignal.Elementwise>
    ) -> (activation: Activation, count: Int)? {
        var candidates = forms
        // Functions whose parameters are not the default ones.
        switch functions.first {
        case .operation(.leakyReLU(let slope)): candidates += named("leaky_relu:slope=\(slope)")
        case .operation(.clip(let low, let high)): candidates += named("clip:low=\(low):high=\(high)")
        case .operation(.absolute): candidates += named("leaky_relu:slope=-1").map { ($0.0, [.operation(.absolute)]) }
        default: break
        }
        return candidates.filter { !$0.1.isEmpty && functions.starts(with: $0.1) }
            .max { $0.1.count < $1.1.count }.map { ($0.0, $0.1.count) }
    }

    private static func named(_ text: String) -> [(Activation, [ONNXSignal.Elementwise])] {
        Activation(rawValue: text).map { [($0, $0.operations.map { .operation($0) })] } ?? []
    }

    /// The functions that make up each activation, with the default values of its parameters.
    private static let forms: [(activation: Activation, functions: [ONNXSignal.Elementwise])] =
        Activation.allCases.map { ($0, $0.operations.map { .operation($0) }) } + hardSwishes.map { (.hardSwish, $0) }

    /// Hard swish as x clip(x + 3) / 6, with the division last, or before the product.
    private static let hardSwishes: [[ONNXSignal.Elementwise]] = {
        let clip: [ONNXSignal.Elementwise] = [.affine(scale: 1, shift: 3), .operation(.clip(low: 0, high: 6))]
        let sixth = ONNXSignal.Elementwise.affine(scale: 1 / 6, shift: 0)
        return [clip + [.operation(.timesInput), sixth], clip + [sixth, .operation(.timesInput)]]
    }()
}
