/// y = x min(6, max(0, x + 3)) / 6 (Howard et al. 2019); y' = x / 3 + 1 / 2 from -3 to 3.
struct HardSwish: ActivationFunction {
    static let name = "hard_swish"
    var operations: [ElementaryOperation] { [.hardSigmoid(slope: 1 / 6, offset: 0.5), .timesInput] }

    @inline(__always) func value(_ z: Vector) -> Vector {
        (z * (z + 3) / 6).replacing(with: 0, where: z .<= -3).replacing(with: z, where: z .>= 3)
    }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        (z / 3 + 0.5).replacing(with: 0, where: z .< -3).replacing(with: 1, where: z .> 3)
    }
}

extension Activation {
    /// y = x min(6, max(0, x + 3)) / 6.
    public static let hardSwish = Activation(HardSwish())
}
