import COpenBLAS

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
    public func addMoments(_ u: UnsafePointer<Float>, count: Int) { add(count, u, u) }

    /// Adds, for each channel, the sums of dz and of dz u over `count` elements.
    public func addProducts(_ zGradient: UnsafePointer<Float>, _ u: UnsafePointer<Float>, count: Int) {
        add(count, zGradient, u)
    }

    /// Adds x and x y, one vector of the pattern after another, so that its sums stay in registers.
    @inline(__always)
    private func add(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>) {
        for p in stride(from: 0, to: min(pattern.period, count), by: 16) {
            var sums = VectorProducts()
            var i = p
            while i + 16 <= count {
                sums.add(x.vector(i), y.vector(i))
                i &+= pattern.period
            }
            if i < count {
                // Both: what lies behind the last element may not be a number.
                let invalid = .!firstElements(count - i)
                sums.add(
                    x.vector(i).replacing(with: 0, where: invalid), y.vector(i).replacing(with: 0, where: invalid))
            }
            sums.add(to: first.pointer + p, second.pointer + p)
        }
    }
}

/// The sums of x and of x y over one vector of the pattern, in double precision.
private struct VectorProducts {
    private var first = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    private var second = (SIMD8<Double>.zero, SIMD8<Double>.zero)

    @inline(__always)
    mutating func add(_ x: Vector, _ y: Vector) {
        let xs = (widen(x.lowHalf), widen(x.highHalf))
        first.0 += xs.0
        first.1 += xs.1
        second.0.addProduct(xs.0, widen(y.lowHalf))
        second.1.addProduct(xs.1, widen(y.highHalf))
    }

    /// Adds the sums to sixteen of each kind.
    func add(to firsts: UnsafeMutablePointer<Double>, _ seconds: UnsafeMutablePointer<Double>) {
        let firsts = UnsafeMutableRawPointer(firsts).assumingMemoryBound(to: SIMD8<Double>.self)
        let seconds = UnsafeMutableRawPointer(seconds).assumingMemoryBound(to: SIMD8<Double>.self)
        firsts[0] += first.0
        firsts[1] += first.1
        seconds[0] += second.0
        seconds[1] += second.1
    }
}

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
                return multiply(SurrogateSlope<A>(surrogate: Vector(repeating: surrogateSlope)))
            }
            multiply(TrueSlope<A>())
        }

        @inline(__always)
        private func multiply(_ slope: some SlopeFunction) {
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
