import Kernels

/// The product of its inputs: of an image and a gate for each of its channels, say (squeeze and excitation, Hu et al.
/// 2018).
public struct MultiplyLayer: ArithmeticLayer {
    /// Makes it.
    public init() {}

    /// `multiply`.
    public static let key = "multiply"
    /// The product.
    public static let operation = Arithmetic.product
}

extension Layer {
    /// The product of layers.
    public static func multiply(_ inputs: [String], name: String? = nil) -> Layer {
        Layer(MultiplyLayer(), name: name, inputs: inputs)
    }
}
