import COpenBLAS

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
