/// y = tanh x; y' = 1 - y^2.
struct Tanh: ActivationFunction {
    static let name = "tanh"
    var operations: [ElementaryOperation] { [.tanh] }

    @inline(__always) func value(_ z: Vector) -> Vector { hyperbolicTangent(z) }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        let y = hyperbolicTangent(z)
        return 1 - y * y
    }
}

extension Activation {
    /// y = tanh x.
    public static let tanh = Activation(Tanh())
}
