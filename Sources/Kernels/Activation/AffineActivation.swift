/// The affine map z = scale u + shift of channels-last data: a coefficient of each for a channel.
struct ChannelMap {
    /// Rows of the pattern.
    let scale, shift: UnsafePointer<Float>
    let pattern: ChannelPattern

    /// Calls `body(offset in the data, z, number of valid elements)` for each vector of `count` elements.
    @inline(__always)
    func forEachVector(_ u: UnsafePointer<Float>, count: Int, _ body: (Int, Vector, Int) -> Void) {
        pattern.forEachVector(count) { i, p, valid in
            body(i, shift.vector(p).addingProduct(scale.vector(p), u.vector(i)), valid)
        }
    }
}

/// y = f(scale u + shift). `scale` and `shift` are rows of the pattern. y may be u.
public func affineActivation(
    _ y: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, scale: UnsafePointer<Float>,
    shift: UnsafePointer<Float>, pattern: ChannelPattern, count: Int, activation: Activation
) {
    activation.function.forward(y, u, ChannelMap(scale: scale, shift: shift, pattern: pattern), count: count)
}

/// dz = dy f'(scale u + shift). dz may be dy. With a `surrogateSlope` the flat zones of an mReLU count as sloping down
/// by it.
public func affineActivationGradient(
    _ zGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, pattern: ChannelPattern, count: Int,
    activation: Activation, surrogateSlope: Float = 0
) {
    activation.function.backward(
        zGradient, yGradient, u, ChannelMap(scale: scale, shift: shift, pattern: pattern), count: count,
        surrogateSlope: surrogateSlope)
}
