import Kernels

/// The first of its inputs divided by each further one, which has to be other than 0 everywhere: by 0 the quotient is
/// not finite.
public struct DivideLayer: ArithmeticLayer {
    /// Makes it.
    public init() {}

    /// `divide`.
    public static let key = "divide"
    /// The quotient.
    public static let operation = Arithmetic.quotient
}

extension Layer {
    /// A layer divided by others.
    public static func divide(_ inputs: [String], name: String? = nil) -> Layer {
        Layer(DivideLayer(), name: name, inputs: inputs)
    }
}
