/// An activation function: its formulas for a vector of elements, and all that others ask about it.
///
/// The two kernels are compiled for each conforming type, so that the function is chosen once a call, outside the
/// loops. A formula does not call another one of its type: that would stay a call in the inner loop.
protocol ActivationFunction: Sendable {
    /// The name in recipes and checkpoints.
    static var name: String { get }
    /// True where it is symmetric about 0 and suppresses signals of unusual size.
    var isSymmetric: Bool { get }
    /// The parameters' names and values.
    var parameters: [(name: String, value: Float)] { get }
    /// The elementary operations that make it up.
    var operations: [ElementaryOperation] { get }

    /// The function with other values of its parameters, in their order; nil where it does not take them.
    func with(_ values: [Float]) -> Self?

    /// y = f(z).
    func value(_ z: Vector) -> Vector
    /// f'(z), one-sided or 0 at a kink.
    func slope(_ z: Vector) -> Vector
    /// f'(z) as an attack may pretend it to be: the flat zones sloping down by `surrogate` (BPDA).
    func slope(_ z: Vector, surrogate: Vector) -> Vector

    /// y = f(scale u + shift) over `count` elements.
    func forward(
        _ y: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, _ map: ChannelMap, count: Int)
    /// dz = dy f'(scale u + shift) over `count` elements; a `surrogateSlope` of 0 means the true slope.
    func backward(
        _ zGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
        _ map: ChannelMap, count: Int, surrogateSlope: Float)
}

extension ActivationFunction {
    var isSymmetric: Bool { false }
    var parameters: [(name: String, value: Float)] { [] }
    func with(_ values: [Float]) -> Self? { self }

    @inline(__always) func slope(_ z: Vector, surrogate: Vector) -> Vector { slope(z) }

    @inline(__always)
    func forward(
        _ y: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, _ map: ChannelMap, count: Int
    ) {
        map.forEachVector(u, count: count) { i, z, valid in store(value(z), to: y + i, valid) }
    }

    @inline(__always)
    func backward(
        _ zGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
        _ map: ChannelMap, count: Int, surrogateSlope: Float
    ) {
        guard surrogateSlope == 0 else {
            let surrogate = Vector(repeating: surrogateSlope)
            return map.forEachVector(u, count: count) { i, z, valid in
                store(yGradient.vector(i) * slope(z, surrogate: surrogate), to: zGradient + i, valid)
            }
        }
        map.forEachVector(u, count: count) { i, z, valid in
            store(yGradient.vector(i) * slope(z), to: zGradient + i, valid)
        }
    }
}
