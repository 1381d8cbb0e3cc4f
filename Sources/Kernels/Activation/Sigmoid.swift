/// y = 1 / (1 + exp(-x)).
struct Sigmoid: ActivationFunction {
    static let name = "sigmoid"
    var operations: [ElementaryOperation] { [.sigmoid] }

    @inline(__always) func value(_ z: Vector) -> Vector { 1 / (1 + exponential(-z)) }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        let y = 1 / (1 + exponential(-z))
        return y * (1 - y)
    }
}

extension Activation {
    /// y = 1 / (1 + exp(-x)).
    public static let sigmoid = Activation(Sigmoid())
}
