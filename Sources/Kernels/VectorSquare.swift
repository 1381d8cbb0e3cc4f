/// Sixteen vectors, a square that can be transposed in registers.
struct VectorSquare {
    typealias Rows = (
        Vector, Vector, Vector, Vector, Vector, Vector, Vector, Vector,
        Vector, Vector, Vector, Vector, Vector, Vector, Vector, Vector
    )
    private var rows: Rows

    private init(_ rows: Rows) { self.rows = rows }

    /// Sixteen vectors that `row` gives.
    @inline(__always)
    init(_ row: (Int) -> Vector) {
        rows = (
            row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7),
            row(8), row(9), row(10), row(11), row(12), row(13), row(14), row(15)
        )
    }

    /// Calls `body` with each row and its number.
    @inline(__always)
    func forEachRow(_ body: (Int, Vector) -> Void) {
        body(0, rows.0)
        body(1, rows.1)
        body(2, rows.2)
        body(3, rows.3)
        body(4, rows.4)
        body(5, rows.5)
        body(6, rows.6)
        body(7, rows.7)
        body(8, rows.8)
        body(9, rows.9)
        body(10, rows.10)
        body(11, rows.11)
        body(12, rows.12)
        body(13, rows.13)
        body(14, rows.14)
        body(15, rows.15)
    }

    /// Rows for columns. Shuffled once, an element's place, row and column as eight bits, is rotated by one bit; four times, row and
    /// column have changed places.
    @inline(__always)
    var transposed: VectorSquare { shuffled.shuffled.shuffled.shuffled }

    /// Rows i and i + 8 interleaved, as rows 2 i and 2 i + 1.
    @inline(__always)
    private var shuffled: VectorSquare {
        @inline(__always) func low(_ a: Vector, _ b: Vector) -> Vector { interleaved(a.lowHalf, b.lowHalf) }
        @inline(__always) func high(_ a: Vector, _ b: Vector) -> Vector { interleaved(a.highHalf, b.highHalf) }
        let r = rows
        return VectorSquare(
            (
                low(r.0, r.8), high(r.0, r.8), low(r.1, r.9), high(r.1, r.9),
                low(r.2, r.10), high(r.2, r.10), low(r.3, r.11), high(r.3, r.11),
                low(r.4, r.12), high(r.4, r.12), low(r.5, r.13), high(r.5, r.13),
                low(r.6, r.14), high(r.6, r.14), low(r.7, r.15), high(r.7, r.15)
            ))
    }
}

/// a0, b0, a1, b1, ...
@inline(__always)
private func interleaved(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> Vector {
    var vector = Vector.zero
    vector.evenHalf = a
    vector.oddHalf = b
    return vector
}
