/// y = x.
struct Identity: ActivationFunction {
    static let name = "identity"
    var operations: [ElementaryOperation] { [] }

    @inline(__always) func value(_ z: Vector) -> Vector { z }
    @inline(__always) func slope(_ z: Vector) -> Vector { Vector(repeating: 1) }
}

extension Activation {
    /// y = x.
    public static let identity = Activation(Identity())
}
