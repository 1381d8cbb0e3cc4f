import Kernels

/// The sum of its inputs.
public struct AddLayer: ArithmeticLayer {
    /// Makes it.
    public init() {}

    /// `add`.
    public static let key = "add"
    /// The sum.
    public static let operation = Arithmetic.sum
}

extension Layer {
    /// The sum of layers.
    public static func add(_ inputs: [String], name: String? = nil) -> Layer {
        Layer(AddLayer(), name: name, inputs: inputs)
    }
}
