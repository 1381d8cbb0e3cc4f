/// The purpose of a stream of random numbers. Two purposes never share numbers.
public enum RandomPurpose: UInt32, Sendable {
    case initialWeights = 1
    case sampleOwnership
    case epochOrder
    case validationSplit
    case mirroring
    case randomTraining
    case meanSamples
    case noiseSamples
    case adversarialTraining
    case glyphs
    case attack
    case test
    case audit
    case shift
    case dropout
    case chunkOrder
    case cutout
    case cutMix
    case sweep
    case conversionOrder
}

/// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC
/// 2011).
///
/// A stream is named by (seed, purpose, a, b): `a` is the sample id where there is one, `b` the epoch or the draw. The
/// numbers depend on that name alone, never on the rank or on the order of calls (invariant 1).
public struct Philox: RandomNumberGenerator, Sendable {
    private let key: SIMD2<UInt32>
    private var counter: SIMD4<UInt32>
    private var block: SIMD4<UInt32> = .zero
    private var used = 4

    /// Starts the stream of the given name; `part` is one of 2^24 streams of that name.
    public init(seed: UInt64, purpose: RandomPurpose, _ a: Int = 0, _ b: Int = 0, part: Int = 0) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        counter = SIMD4(
            0, UInt32(truncatingIfNeeded: a), UInt32(truncatingIfNeeded: b),
            UInt32(truncatingIfNeeded: part) << 8 | purpose.rawValue)
    }

    /// The ten rounds on one counter; a pure function, checked against the published test vectors.
    public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var c = counter
        var k = key
        for _ in 0..<10 {
            let p0 = UInt64(0xD251_1F53) &* UInt64(c.x)
            let p1 = UInt64(0xCD9E_8D57) &* UInt64(c.z)
            c = SIMD4(
                UInt32(truncatingIfNeeded: p1 >> 32) ^ c.y ^ k.x, UInt32(truncatingIfNeeded: p1),
                UInt32(truncatingIfNeeded: p0 >> 32) ^ c.w ^ k.y, UInt32(truncatingIfNeeded: p0))
            k &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return c
    }

    /// The next 32 random bits.
    public mutating func next() -> UInt32 {
        if used == 4 {
            block = Philox.block(counter: counter, key: key)
            counter.x &+= 1
            used = 0
        }
        defer { used += 1 }
        return block[used]
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        let low: UInt32 = next()
        let high: UInt32 = next()
        return UInt64(high) << 32 | UInt64(low)
    }

    /// Uniform in [0, 1), 24 bits.
    public mutating func uniform() -> Float {
        let bits: UInt32 = next()
        return Float(bits >> 8) * 0x1p-24
    }
}

extension Philox {
    /// Fills `count` floats with independent draws of N(0, 1).
    public mutating func fillGaussian(_ values: UnsafeMutablePointer<Float>, count: Int) {
        forEachGaussian(count) { values[$0] = $1 }
    }

    /// Calls `body(index, draw)` with `count` independent draws of N(0, 1), by the transform of Box and Muller (1958),
    /// each pair from two random numbers of 32 bits.
    public mutating func forEachGaussian(_ count: Int, _ body: (_ index: Int, _ draw: Float) -> Void) {
        for start in stride(from: 0, to: count, by: 16) {
            let rest = min(16, count - start)
            var (u, v) = (SIMD8<UInt64>.zero, SIMD8<UInt64>.zero)
            for pair in 0..<(rest + 1) / 2 {
                let (first, second): (UInt32, UInt32) = (next(), next())
                (u[pair], v[pair]) = (UInt64(first), UInt64(second))
            }
            let (x, y) = boxMuller(u, v)
            for i in 0..<rest { body(start + i, i % 2 == 0 ? x[i / 2] : y[i / 2]) }
        }
    }

    /// A permutation of 0..<count (Fisher and Yates); `count` fits 32 bits.
    public mutating func permutation(_ count: Int) -> [Int32] {
        var order = (0..<Int32(count)).map { $0 }
        order.withUnsafeMutableBufferPointer { order in
            for last in stride(from: count - 1, to: 0, by: -1) {
                // The high half of a product: within 2^-32 count of uniform.
                let bits: UInt32 = next()
                order.swapAt(last, Int((UInt64(bits) &* UInt64(last + 1)) >> 32))
            }
        }
        return order
    }
}
