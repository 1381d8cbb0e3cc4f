/// The sigmoid linear unit, y = x / (1 + exp(-x)) (Elfwing, Uchibe and Doya 2017).
struct SiLU: ActivationFunction {
    static let name = "silu"
    var operations: [ElementaryOperation] { [.sigmoid, .timesInput] }

    @inline(__always) func value(_ z: Vector) -> Vector {
        // Below -88 the quotient of two large numbers would grow again.
        (z / (1 + exponential(-z))).replacing(with: 0, where: z .< -88)
    }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        let x = z.replacing(with: -88, where: z .< -88).replacing(with: 88, where: z .> 88)
        let sigmoid = 1 / (1 + exponential(-x))
        return sigmoid * (1 + x * (1 - sigmoid))
    }
}

extension Activation {
    /// The sigmoid linear unit, y = x / (1 + exp(-x)).
    public static let silu = Activation(SiLU())
}
