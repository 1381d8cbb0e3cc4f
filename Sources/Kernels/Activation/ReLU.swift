/// y = max(0, x).
struct ReLU: ActivationFunction {
    static let name = "relu"
    var operations: [ElementaryOperation] { [.relu] }

    // NaN stays: a broken number must reach the loss, where it is found.
    @inline(__always) func value(_ z: Vector) -> Vector { z.replacing(with: 0, where: z .< 0) }
    @inline(__always) func slope(_ z: Vector) -> Vector { Vector.zero.replacing(with: 1, where: z .> 0) }
}

extension Activation {
    /// y = max(0, x).
    public static let relu = Activation(ReLU())
}
