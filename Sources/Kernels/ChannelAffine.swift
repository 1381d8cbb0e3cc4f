// Batch normalization, the convolution's bias and the activation behind them, as one affine map for each channel and one
// function for each element:
//
//     z = scale u + shift,  y = f(z)
//
// with scale = gamma / sqrt(variance + stabilizer), shift = beta - scale mean (Ioffe & Szegedy 2015, algorithm 1); a layer
// without batch norm has scale = 1 and shift = bias. u and y are channels last; `count` is a multiple of the channels.

/// The running sums of one lane, kept for each position of the pattern in double precision, so that their rounding is
/// far below the data's.
public final class ChannelSums {
    private let pattern: ChannelPattern
    private let first: Buffer<Double>
    private let second: Buffer<Double>

    /// Takes the sums for a pattern.
    public init(_ pattern: ChannelPattern) {
        self.pattern = pattern
        first = Buffer(pattern.period)
        second = Buffer(pattern.period)
    }

    /// Sets the sums to zero.
    public func reset() {
        first.pointer.update(repeating: 0, count: pattern.period)
        second.pointer.update(repeating: 0, count: pattern.period)
    }

    /// Folds the sums into 2 x channels values: all first sums, then all second ones.
    public func fold(into sums: UnsafeMutablePointer<Double>) {
        pattern.fold(first.pointer, into: sums)
        pattern.fold(second.pointer, into: sums + pattern.channels)
    }

    /// Adds, for each channel, the sums of u and of u^2 over `count` elements.
    public func addMoments(_ u: UnsafePointer<Float>, count: Int) {
        let (first, second) = (first.pointer, second.pointer)
        pattern.forEachVector(count) { i, p, valid in
            var x = u.vector(i)
            if valid < 16 { x.replace(with: 0, where: .!firstElements(valid)) }
            accumulate(x, x, first + p, second + p)
        }
    }

    /// Adds, for each channel, the sums of dz and of dz u over `count` elements.
    public func addProducts(_ zGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>, count: Int) {
        let (first, second) = (first.pointer, second.pointer)
        pattern.forEachVector(count) { i, p, valid in
            var (d, x) = (zGradient.vector(i), u.vector(i))
            if valid < 16 {
                // Both: what lies behind the last element may not be a number.
                d.replace(with: 0, where: .!firstElements(valid))
                x.replace(with: 0, where: .!firstElements(valid))
            }
            accumulate(d, x, first + p, second + p)
        }
    }
}

/// first += x, second += x y, in double precision.
@inline(__always)
private func accumulate(
    _ x: Vector, _ y: Vector, _ first: UnsafeMutablePointer<Double>, _ second: UnsafeMutablePointer<Double>
) {
    let xs = (widen(x.lowHalf), widen(x.highHalf))
    let ys = (widen(y.lowHalf), widen(y.highHalf))
    let firsts = UnsafeMutableRawPointer(first).assumingMemoryBound(to: SIMD8<Double>.self)
    let seconds = UnsafeMutableRawPointer(second).assumingMemoryBound(to: SIMD8<Double>.self)
    firsts[0] += xs.0
    firsts[1] += xs.1
    seconds[0].addProduct(xs.0, ys.0)
    seconds[1].addProduct(xs.1, ys.1)
}

@inline(__always)
private func widen(_ x: SIMD8<Float>) -> SIMD8<Double> { SIMD8<Double>(x) }

/// y = f(scale u + shift). `scale` and `shift` are rows of the pattern. y may be u.
public func affineActivation(
    _ y: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, scale: UnsafePointer<Float>,
    shift: UnsafePointer<Float>, pattern: ChannelPattern, count: Int, activation: Activation
) {
    struct Work: ActivationWork {
        let y: UnsafeMutablePointer<Float>
        let u, scale, shift: UnsafePointer<Float>
        let pattern: ChannelPattern
        let count: Int

        @inline(__always)
        func run<A: VectorActivation>(_: A.Type) {
            pattern.forEachVector(count) { i, p, valid in
                let z = shift.vector(p).addingProduct(scale.vector(p), u.vector(i))
                store(A.value(z), to: y + i, valid)
            }
        }
    }
    activation.dispatch(Work(y: y, u: u, scale: scale, shift: shift, pattern: pattern, count: count))
}

/// dz = dy f'(scale u + shift). dz may be dy. With a `surrogateSlope` the flat zones of an mReLU count as sloping down by it.
public func affineActivationGradient(
    _ zGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>,
    scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, pattern: ChannelPattern, count: Int,
    activation: Activation, surrogateSlope: Float = 0
) {
    struct Work: ActivationWork {
        let surrogateSlope: Float
        let zGradient: UnsafeMutablePointer<Float>
        let yGradient, u, scale, shift: UnsafePointer<Float>
        let pattern: ChannelPattern
        let count: Int

        @inline(__always)
        func run<A: VectorActivation>(_: A.Type) {
            guard surrogateSlope == 0 else {
                let surrogate = Vector(repeating: surrogateSlope)
                return multiply { A.slope($0, surrogate: surrogate) }
            }
            multiply(A.slope)
        }

        @inline(__always)
        private func multiply(_ slope: (Vector) -> Vector) {
            pattern.forEachVector(count) { i, p, valid in
                let z = shift.vector(p).addingProduct(scale.vector(p), u.vector(i))
                store(yGradient.vector(i) * slope(z), to: zGradient + i, valid)
            }
        }
    }
    activation.dispatch(
        Work(
            surrogateSlope: surrogateSlope, zGradient: zGradient, yGradient: yGradient, u: u, scale: scale,
            shift: shift, pattern: pattern,
            count: count))
}

/// du = a dz + b u + c, in place of dz: the backward pass of batch norm, with `a`, `b`, `c` from
/// ``NormalizationMoments``. Rows of the pattern.
public func affineGradient(
    _ zGradient: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, a: UnsafePointer<Float>,
    b: UnsafePointer<Float>, c: UnsafePointer<Float>, pattern: ChannelPattern, count: Int
) {
    pattern.forEachVector(count) { i, p, valid in
        let constant = c.vector(p).addingProduct(b.vector(p), u.vector(i))
        store(constant.addingProduct(a.vector(p), zGradient.vector(i)), to: zGradient + i, valid)
    }
}

/// dz = scale dz, in place: the backward pass of an affine map whose coefficients are constants (evaluation mode).
public func scaleGradient(
    _ zGradient: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>, pattern: ChannelPattern, count: Int
) {
    pattern.forEachVector(count) { i, p, valid in
        store(zGradient.vector(i) * scale.vector(p), to: zGradient + i, valid)
    }
}

/// Writes the first `valid` elements of a vector.
@inline(__always)
private func store(_ vector: Vector, to pointer: UnsafeMutablePointer<Float>, _ valid: Int) {
    if valid >= 16 {
        pointer.store(vector, 0)
    } else {
        for i in 0..<valid { pointer[i] = vector[i] }
    }
}
