/// y = min(high, max(low, x)); y' = 1 between the ends, 0 at them and beyond.
struct Clip: ActivationFunction {
    static let name = "clip"
    var low: Float = 0
    var high: Float = 6

    var parameters: [(name: String, value: Float)] { [("low", low), ("high", high)] }
    func with(_ values: [Float]) -> Clip? { values[0] < values[1] ? Clip(low: values[0], high: values[1]) : nil }
    var operations: [ElementaryOperation] { [.clip(low: low, high: high)] }

    @inline(__always) func value(_ z: Vector) -> Vector {
        z.replacing(with: low, where: z .< low).replacing(with: high, where: z .> high)
    }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        Vector.zero.replacing(with: 1, where: (z .> low) .& (z .< high))
    }
}

extension Activation {
    /// y = min(6, max(0, x)): ReLU6.
    public static let clip = Activation(Clip())
}
