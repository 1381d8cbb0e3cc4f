/// y = x above 0, y = slope x below.
struct LeakyReLU: ActivationFunction {
    static let name = "leaky_relu"
    var slope: Float = 0.01

    var parameters: [(name: String, value: Float)] { [("slope", slope)] }
    func with(_ values: [Float]) -> LeakyReLU? { values[0].isFinite ? LeakyReLU(slope: values[0]) : nil }
    var operations: [ElementaryOperation] { [.leakyReLU(slope: slope)] }

    @inline(__always) func value(_ z: Vector) -> Vector { z.replacing(with: z * slope, where: z .< 0) }
    @inline(__always) func slope(_ z: Vector) -> Vector { Vector(repeating: slope).replacing(with: 1, where: z .> 0) }
}

extension Activation {
    /// y = x above 0, y = 0.01 x below.
    public static let leakyReLU = Activation(LeakyReLU())
}
