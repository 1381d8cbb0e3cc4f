import COpenBLAS

/// Products with a transposed matrix, as it stands in memory: c = a b^T, of [rows, depth] and [columns, depth], each
/// element the dot product of two rows, in a chain of multiply-adds for each of a vector's elements. The input gradient
/// of a large fully connected layer goes this way, which saves the weight's transposition in each step.
///
/// A row's bits depend neither on its place nor on the number of rows.
enum DotProduct {
    /// Rows and columns of c that are formed together.
    private static let tile = 4
    /// Rows of a that stay in the second-level cache.
    private static let rowsAtOnce = 120

    /// True where a product has the columns and the depth that `multiply` takes.
    static func suits(columns: Int, depth: Int) -> Bool { columns >= tile && depth >= 16 }

    /// c = a b^T, [rows, columns].
    static func multiply(
        _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, rows: Int, columns: Int,
        depth: Int
    ) {
        for top in stride(from: 0, to: rows, by: rowsAtOnce) {
            let end = min(top + rowsAtOnce, rows)
            for column in stride(from: 0, to: columns, by: tile) {
                // The last tile lies partly on the one before.
                let left = min(column, columns - tile)
                let (b, c) = (b + left * depth, c + left)
                var row = top
                while row + tile <= end {
                    multiplyTile(c + row * columns, a + row * depth, b, columns: columns, depth: depth)
                    row += tile
                }
                while row < end {
                    multiplyRow(c + row * columns, a + row * depth, b, depth: depth)
                    row += 1
                }
            }
        }
    }

    /// The sums of four elements of a row of c, each a vector of chains of multiply-adds.
    private struct Chains {
        var s0 = Vector.zero
        var s1 = Vector.zero
        var s2 = Vector.zero
        var s3 = Vector.zero

        @inline(__always)
        mutating func add(_ a: Vector, _ b: (Vector, Vector, Vector, Vector)) {
            s0.addProduct(a, b.0)
            s1.addProduct(a, b.1)
            s2.addProduct(a, b.2)
            s3.addProduct(a, b.3)
        }

        @inline(__always)
        func write(to c: UnsafeMutablePointer<Float>) {
            UnsafeMutableRawPointer(c).storeBytes(of: sums_of_four(s0, s1, s2, s3), as: SIMD4<Float>.self)
        }
    }

    @inline(never)
    private static func multiplyTile(
        _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, columns: Int, depth: Int
    ) {
        var (c0, c1, c2, c3) = (Chains(), Chains(), Chains(), Chains())
        forEachVector(a, b, depth: depth) { a, offset, b in
            c0.add(a(offset), b)
            c1.add(a(depth + offset), b)
            c2.add(a(2 * depth + offset), b)
            c3.add(a(3 * depth + offset), b)
        }
        c0.write(to: c)
        c1.write(to: c + columns)
        c2.write(to: c + 2 * columns)
        c3.write(to: c + 3 * columns)
    }

    @inline(never)
    private static func multiplyRow(
        _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, depth: Int
    ) {
        var chains = Chains()
        forEachVector(a, b, depth: depth) { a, offset, b in chains.add(a(offset), b) }
        chains.write(to: c)
    }

    /// Calls `body` with each vector along the depth: of a, read from an offset, and of four rows of b.
    @inline(__always)
    private static func forEachVector(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, depth: Int,
        _ body: (_ a: (Int) -> Vector, _ offset: Int, _ b: (Vector, Vector, Vector, Vector)) -> Void
    ) {
        @inline(__always)
        func rows(_ offset: Int) -> (Vector, Vector, Vector, Vector) {
            (
                b.vector(offset), b.vector(depth + offset), b.vector(2 * depth + offset),
                b.vector(3 * depth + offset)
            )
        }
        let rest = depth % 16
        for offset in stride(from: 0, to: depth - rest, by: 16) { body({ a.vector($0) }, offset, rows(offset)) }
        guard rest > 0 else { return }
        // Elements shared with the vector before count there.
        let shared = firstElements(16 - rest)
        body({ a.vector($0).replacing(with: 0, where: shared) }, depth - 16, rows(depth - 16))
    }
}
