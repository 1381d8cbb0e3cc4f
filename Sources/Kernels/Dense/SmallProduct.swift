import COpenBLAS

/// Products of small matrices, C = A B or C += A B: each element is one chain of fused multiply-adds along the depth,
/// in ascending order from 0. They take no memory, whereas OpenBLAS's own kernels of small products do in every call.
/// Those for AVX-512 give the same bits, but where they add up dot products.
///
/// A row's bits depend neither on its place nor on the number of rows.
enum SmallProduct {
    /// The most multiply-adds of a small product: where OpenBLAS begins to pack its matrices.
    private static let most = 1_000_000
    /// Rows of C that are formed together, each one vector wide.
    private static let rowsAtOnce = 6
    /// Columns of C that are formed together.
    private static let columnsAtOnce = 16

    /// True where a product of this shape goes this way: a small one, on a CPU that multiplies and adds at once.
    static func suits(_ m: Int, _ n: Int, _ k: Int) -> Bool {
        // In this order nothing overflows.
        has_fused_multiply_add() != 0 && m <= most && n <= most && k <= most && m * n <= most && m * n * k <= most
    }

    /// C = A B, or C += A B where `adding`; shapes as in ``gemm(_:_:_:_:_:beta:_:stride:)``. Reads up to 15 floats
    /// behind the last row of B.
    static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, adding: Bool, _ c: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        if b.isTransposed, !adding, n >= columnsAtOnce {
            return multiplyTransposed(m, n, k, a, b, c, stride: stride)
        }
        for column in Swift.stride(from: 0, to: n, by: columnsAtOnce) {
            // The last vector lies partly on the one before.
            let left = max(0, min(column, n - columnsAtOnce))
            for row in Swift.stride(from: 0, to: m, by: rowsAtOnce) {
                let tile = Tile(row: row, rows: min(rowsAtOnce, m - row), column: left, columns: min(n, columnsAtOnce))
                let sums = b.isTransposed ? transposedSums(tile, a, b, k) : plainSums(tile, a, b, k)
                sums.write(to: c + row * stride + left, tile, stride: stride, adding: adding, done: column - left)
            }
        }
    }

    /// A part of C: its first row and column, and how many of both.
    private struct Tile {
        let row, rows, column, columns: Int
    }

    /// The rows of A that belong to a tile. Behind the last one it is repeated, and its sums are not used.
    private struct Factors {
        let elements: UnsafePointer<Float>
        let step, r1, r2, r3, r4, r5: Int

        @inline(__always)
        init(_ a: Matrix, _ tile: Tile) {
            let rowStep = a.isTransposed ? 1 : a.stride
            step = a.isTransposed ? a.stride : 1
            elements = a.elements + tile.row * rowStep
            let last = tile.rows - 1
            (r1, r2, r3) = (min(1, last) * rowStep, min(2, last) * rowStep, min(3, last) * rowStep)
            (r4, r5) = (min(4, last) * rowStep, min(5, last) * rowStep)
        }
    }

    /// The sums of a tile's rows.
    private struct Sums {
        var s0 = Vector.zero
        var s1 = Vector.zero
        var s2 = Vector.zero
        var s3 = Vector.zero
        var s4 = Vector.zero
        var s5 = Vector.zero

        /// Adds the products of one depth: of an element of each row with a vector of B.
        @inline(__always)
        mutating func add(_ factors: Factors, _ depth: Int, _ b: Vector) {
            let a = factors.elements + depth * factors.step
            s0.addProduct(Vector(repeating: a[0]), b)
            s1.addProduct(Vector(repeating: a[factors.r1]), b)
            s2.addProduct(Vector(repeating: a[factors.r2]), b)
            s3.addProduct(Vector(repeating: a[factors.r3]), b)
            s4.addProduct(Vector(repeating: a[factors.r4]), b)
            s5.addProduct(Vector(repeating: a[factors.r5]), b)
        }

        init() {}

        /// The sums so far, of a tile of whole vectors.
        @inline(__always)
        init(_ c: UnsafePointer<Float>, stride: Int, rows: Int) {
            let last = rows - 1
            s0 = c.vector(0)
            s1 = c.vector(min(1, last) * stride)
            s2 = c.vector(min(2, last) * stride)
            s3 = c.vector(min(3, last) * stride)
            s4 = c.vector(min(4, last) * stride)
            s5 = c.vector(min(5, last) * stride)
        }

        /// Writes or adds the sums; the first `done` columns have theirs.
        @inline(__always)
        func write(to c: UnsafeMutablePointer<Float>, _ tile: Tile, stride: Int, adding: Bool, done: Int) {
            @inline(__always) func write(_ sum: Vector, _ row: Int) {
                guard row < tile.rows else { return }
                let target = c + row * stride
                var result = sum
                if adding {
                    if tile.columns < columnsAtOnce {
                        for i in 0..<tile.columns { target[i] += sum[i] }
                        return
                    }
                    let before = target.vector(0)
                    result = (before + sum).replacing(with: before, where: firstElements(done))
                }
                store(result, to: target, tile.columns)
            }
            write(s0, 0)
            write(s1, 1)
            write(s2, 2)
            write(s3, 3)
            write(s4, 4)
            write(s5, 5)
        }
    }

    @inline(never)
    private static func plainSums(_ tile: Tile, _ a: Matrix, _ b: Matrix, _ k: Int) -> Sums {
        var sums = Sums()
        let factors = Factors(a, tile)
        var row = b.elements + tile.column
        for depth in 0..<k {
            sums.add(factors, depth, row.vector(0))
            row += b.stride
        }
        return sums
    }

    /// C = A B where B^T lies in memory, of at least a vector of columns: a square of it is transposed for all rows of
    /// A, whose sums so far stand in C.
    @inline(never)
    private static func multiplyTransposed(
        _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, _ c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let side = columnsAtOnce
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2 * side) { places in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: side * side) { square in
                guard let rows = places.baseAddress, let turned = square.baseAddress else { return }
                for i in 0..<side { (rows[i], rows[side + i]) = (i * b.stride, i * side) }
                for column in Swift.stride(from: 0, to: n, by: side) {
                    // The last vector lies partly on the one before.
                    let left = min(column, n - side)
                    for first in Swift.stride(from: 0, to: k, by: side) {
                        transpose_square(b.elements + left * b.stride + first, rows, turned, rows + side)
                        let depths = first..<min(first + side, k)
                        for row in Swift.stride(from: 0, to: m, by: rowsAtOnce) {
                            let tile = Tile(row: row, rows: min(rowsAtOnce, m - row), column: left, columns: side)
                            let target = c + row * stride + left
                            var sums = first == 0 ? Sums() : Sums(target, stride: stride, rows: tile.rows)
                            let factors = Factors(a, tile)
                            for depth in depths { sums.add(factors, depth, turned.vector((depth - first) * side)) }
                            sums.write(to: target, tile, stride: stride, adding: false, done: 0)
                        }
                    }
                }
            }
        }
    }

    /// The sums where B^T lies in memory: squares of it are transposed on the way.
    @inline(never)
    private static func transposedSums(_ tile: Tile, _ a: Matrix, _ b: Matrix, _ k: Int) -> Sums {
        var sums = Sums()
        let factors = Factors(a, tile)
        let side = columnsAtOnce
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2 * side) { places in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: side * side) { square in
                guard let rows = places.baseAddress, let turned = square.baseAddress else { return }
                let vectors = rows + side
                for i in 0..<side {
                    rows[i] = min(i, tile.columns - 1) * b.stride
                    vectors[i] = i * side
                }
                let corner = b.elements + tile.column * b.stride
                for first in stride(from: 0, to: k, by: side) {
                    transpose_square(corner + first, rows, turned, vectors)
                    for depth in first..<min(first + side, k) {
                        sums.add(factors, depth, turned.vector((depth - first) * side))
                    }
                }
            }
        }
        return sums
    }
}
