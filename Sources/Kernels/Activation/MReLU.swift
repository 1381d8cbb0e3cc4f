/// The mirrored rectified linear unit, y = max(0, 1 - |x|) (equation 2); y' by equation 3, 0 at -1, 0 and 1.
struct MReLU: ActivationFunction {
    static let name = "mrelu"
    var isSymmetric: Bool { true }
    var operations: [ElementaryOperation] { [.absolute, .oneMinus, .relu] }

    @inline(__always) func value(_ z: Vector) -> Vector {
        let y = 1 - z.replacing(with: -z, where: z .< 0)
        return y.replacing(with: 0, where: y .< 0)
    }
    @inline(__always) func slope(_ z: Vector) -> Vector {
        let rising = Vector.zero.replacing(with: 1, where: (z .> -1) .& (z .< 0))
        return rising.replacing(with: -1, where: (z .> 0) .& (z .< 1))
    }
    @inline(__always) func slope(_ z: Vector, surrogate: Vector) -> Vector {
        slope(z).replacing(with: surrogate, where: z .<= -1).replacing(with: -surrogate, where: z .>= 1)
    }
}

extension Activation {
    /// The mirrored rectified linear unit, y = max(0, 1 - |x|) (equation 2).
    public static let mrelu = Activation(MReLU())
}
