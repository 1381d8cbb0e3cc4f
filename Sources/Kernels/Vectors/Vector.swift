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

/// Elementwise maximum; the first operand where they are equal or unordered.
@inline(__always) func maximum(_ a: Vector, _ b: Vector) -> Vector { a.replacing(with: b, where: b .> a) }

/// Writes the first `valid` elements of a vector.
@inline(__always)
func store(_ vector: Vector, to pointer: UnsafeMutablePointer<Float>, _ valid: Int) {
    if valid >= 16 {
        pointer.store(vector, 0)
    } else {
        for i in 0..<valid { pointer[i] = vector[i] }
    }
}
