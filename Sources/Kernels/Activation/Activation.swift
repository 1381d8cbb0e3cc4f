/// An elementwise activation function. The symmetric ones (SAF, section 3 of the paper) suppress signals of unusual size
/// in both directions.
public enum Activation: String, Codable, Hashable, Sendable, CaseIterable {
    /// y = x.
    case identity
    /// y = max(0, x).
    case relu
    /// y = 1 / (1 + exp(-x)).
    case sigmoid
    /// The 1-D radial basis function, y = exp(-x^2) (section 3.1); y' = -2 x y.
    case rbf
    /// The mirrored rectified linear unit, y = max(0, 1 - |x|) (equation 2); y' by equation 3, 0 at -1, 0 and 1.
    case mrelu

    /// Whether it is a symmetric activation function.
    public var isSymmetric: Bool { self == .rbf || self == .mrelu }
}

/// An activation as a type, so that a kernel is compiled for each and chooses once, outside its loops.
/// A function does not call another one of its type: that would stay a call in the inner loop.
protocol VectorActivation {
    /// y = f(z).
    static func value(_ z: Vector) -> Vector
    /// f'(z).
    static func slope(_ z: Vector) -> Vector
    /// f'(z) as an attack may pretend it to be: the flat zones of an mReLU slope down by `surrogate`.
    static func slope(_ z: Vector, surrogate: Vector) -> Vector
}

extension VectorActivation {
    @inline(__always) static func slope(_ z: Vector, surrogate: Vector) -> Vector { slope(z) }
}

enum IdentityActivation: VectorActivation {
    @inline(__always) static func value(_ z: Vector) -> Vector { z }
    @inline(__always) static func slope(_ z: Vector) -> Vector { Vector(repeating: 1) }
}

enum ReLUActivation: VectorActivation {
    // NaN stays: a broken number must reach the loss, where it is found.
    @inline(__always) static func value(_ z: Vector) -> Vector { z.replacing(with: 0, where: z .< 0) }
    @inline(__always) static func slope(_ z: Vector) -> Vector { Vector.zero.replacing(with: 1, where: z .> 0) }
}

enum SigmoidActivation: VectorActivation {
    @inline(__always) static func value(_ z: Vector) -> Vector { 1 / (1 + exponential(-z)) }
    @inline(__always) static func slope(_ z: Vector) -> Vector {
        let y = 1 / (1 + exponential(-z))
        return y * (1 - y)
    }
}

enum RBFActivation: VectorActivation {
    @inline(__always) static func value(_ z: Vector) -> Vector { exponential(-(z * z)) }
    @inline(__always) static func slope(_ z: Vector) -> Vector { -2 * z * exponential(-(z * z)) }
}

enum MReLUActivation: VectorActivation {
    @inline(__always) static func value(_ z: Vector) -> Vector {
        let y = 1 - z.replacing(with: -z, where: z .< 0)
        return y.replacing(with: 0, where: y .< 0)
    }
    @inline(__always) static func slope(_ z: Vector) -> Vector {
        let rising = Vector.zero.replacing(with: 1, where: (z .> -1) .& (z .< 0))
        return rising.replacing(with: -1, where: (z .> 0) .& (z .< 1))
    }
    @inline(__always) static func slope(_ z: Vector, surrogate: Vector) -> Vector {
        slope(z).replacing(with: surrogate, where: z .<= -1).replacing(with: -surrogate, where: z .>= 1)
    }
}

/// What an element's gradient is multiplied by: a type, so that it is compiled into the loop that asks for it.
protocol SlopeFunction {
    func callAsFunction(_ z: Vector) -> Vector
}

/// f'(z).
struct TrueSlope<A: VectorActivation>: SlopeFunction {
    @inline(__always) func callAsFunction(_ z: Vector) -> Vector { A.slope(z) }
}

/// f'(z) as an attack pretends it to be.
struct SurrogateSlope<A: VectorActivation>: SlopeFunction {
    let surrogate: Vector
    @inline(__always) func callAsFunction(_ z: Vector) -> Vector { A.slope(z, surrogate: surrogate) }
}

/// Work to be compiled for each activation.
protocol ActivationWork {
    func run<A: VectorActivation>(_ activation: A.Type)
}

extension Activation {
    /// Runs the work compiled for this activation: one choice outside the loops.
    @inline(__always)
    func dispatch(_ work: some ActivationWork) {
        switch self {
        case .identity: work.run(IdentityActivation.self)
        case .relu: work.run(ReLUActivation.self)
        case .sigmoid: work.run(SigmoidActivation.self)
        case .rbf: work.run(RBFActivation.self)
        case .mrelu: work.run(MReLUActivation.self)
        }
    }
}
