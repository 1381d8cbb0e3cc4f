/// The vector that all kernels are written in. Sums are kept in vectors and folded in a fixed order, so that a result
/// does not depend on how the compiler would vectorise a loop.
@usableFromInline typealias Vector = SIMD16<Float>
@usableFromInline typealias VectorMask = SIMDMask<SIMD16<Int32>>

extension UnsafePointer where Pointee == Float {
    /// The vector that begins `offset` elements on; needs no alignment.
    @inline(__always) func vector(_ offset: Int) -> Vector {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector.self)
    }
}

extension UnsafeMutablePointer where Pointee == Float {
    /// The vector that begins `offset` elements on; needs no alignment.
    @inline(__always) func vector(_ offset: Int) -> Vector {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Vector.self)
    }

    /// Writes the vector that begins `offset` elements on.
    @inline(__always) func store(_ vector: Vector, _ offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: vector, as: Vector.self)
    }
}

/// The mask of the first `count` elements of a vector.
@inline(__always) func firstElements(_ count: Int) -> VectorMask {
    SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        .< SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: count))
}

/// Bytes as integers, lane by lane: the library's conversion is a call in an inner loop.
@inline(__always) func widened(_ b: SIMD16<UInt8>) -> SIMD16<Int32> {
    @inline(__always) func lane(_ i: Int) -> Int32 { Int32(b[i]) }
    return SIMD16(
        lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7), lane(8), lane(9), lane(10), lane(11),
        lane(12), lane(13), lane(14), lane(15))
}

/// The low bytes of integers, as ``widened``.
@inline(__always) func narrowed(_ v: SIMD16<Int32>) -> SIMD16<UInt8> {
    @inline(__always) func lane(_ i: Int) -> UInt8 { UInt8(truncatingIfNeeded: v[i]) }
    return SIMD16(
        lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7), lane(8), lane(9), lane(10), lane(11),
        lane(12), lane(13), lane(14), lane(15))
}

/// Elementwise maximum; the first operand where they are equal or unordered.
@inline(__always) func maximum(_ a: Vector, _ b: Vector) -> Vector { a.replacing(with: b, where: b .> a) }
