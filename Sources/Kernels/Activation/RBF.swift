/// The 1-D radial basis function, y = exp(-x^2) (section 3.1); y' = -2 x y.
struct RBF: ActivationFunction {
    static let name = "rbf"
    var isSymmetric: Bool { true }
    var operations: [ElementaryOperation] { [.square, .negated, .exponential] }

    @inline(__always) func value(_ z: Vector) -> Vector { exponential(-(z * z)) }
    @inline(__always) func slope(_ z: Vector) -> Vector { -2 * z * exponential(-(z * z)) }
}

extension Activation {
    /// The 1-D radial basis function, y = exp(-x^2) (section 3.1).
    public static let rbf = Activation(RBF())
}
