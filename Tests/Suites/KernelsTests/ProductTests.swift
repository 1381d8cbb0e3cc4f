import Kernels
import TestSupport
import Testing

@Suite("Matrix products against plain loops") struct ProductTests {
    /// Rows, columns and depth; the last ones are OpenBLAS's.
    static let shapes = [
        (1, 1, 1), (1, 10, 500), (5, 3, 2), (6, 16, 16), (7, 17, 15), (13, 31, 33), (16, 10, 64), (100, 6, 25),
        (12, 64, 100), (2, 1, 1000), (37, 1, 9), (110, 120, 90),
    ]

    /// C, of A and B as they are or as they lie transposed, in rows with three floats between them.
    @Test(
        "all orders in memory, written and added; nothing else is written", arguments: shapes,
        [(false, false), (true, false), (false, true), (true, true)])
    func agrees(_ shape: (rows: Int, columns: Int, depth: Int), _ transposed: (a: Bool, b: Bool)) {
        BLAS.useOneThread()
        let (m, n, k) = (shape.rows, shape.columns, shape.depth)
        let (aStride, bStride, cStride) = ((transposed.a ? m : k) + 3, (transposed.b ? k : n) + 3, n + 3)
        let a = GuardedBuffer(gaussians((transposed.a ? k : m) * aStride, 1), guard: .nan)
        let b = GuardedBuffer(gaussians((transposed.b ? n : k) * bStride, 2), guard: .nan)
        let before = gaussians(m * cStride, 3)
        for adding in [false, true] {
            let c = GuardedBuffer(before, guard: 7)
            gemm(
                m, n, k, Matrix(a.pointer, stride: aStride, transposed: transposed.a),
                Matrix(b.pointer, stride: bStride, transposed: transposed.b), adding: adding, c.pointer,
                stride: cStride)
            for row in 0..<m {
                for column in 0..<cStride {
                    let (found, old) = (Double(c.pointer[row * cStride + column]), before[row * cStride + column])
                    guard column < n else {
                        #expect(Float(found) == old, "row \(row), column \(column) is not part of C")
                        continue
                    }
                    var (sum, size) = (adding ? Double(old) : 0, 1e-30)
                    for depth in 0..<k {
                        let x = a.pointer[transposed.a ? depth * aStride + row : row * aStride + depth]
                        let y = b.pointer[transposed.b ? column * bStride + depth : depth * bStride + column]
                        sum += Double(x) * Double(y)
                        size += abs(Double(x) * Double(y))
                    }
                    #expect(abs(found - sum) <= 2e-6 * (size + abs(sum)), "row \(row), column \(column)")
                }
            }
            #expect(c.overrun == 0)
        }
    }

    @Test("a row of a small product has the same bits alone and in any place of others")
    func rows() {
        BLAS.useOneThread()
        let (n, k) = (10, 500)
        let (a, b) = (Buffer(gaussians(17 * k, 4)), Buffer(gaussians(k * n, 5)))
        let (together, alone) = (Buffer<Float>(17 * n), Buffer<Float>(n))
        gemm(17, n, k, Matrix(a.pointer, stride: k), Matrix(b.pointer, stride: n), together.pointer, stride: n)
        for row in 0..<17 {
            gemm(
                1, n, k, Matrix(a.pointer + row * k, stride: k), Matrix(b.pointer, stride: n), alone.pointer, stride: n)
            #expect(alone.elements == Array(together.elements[row * n..<(row + 1) * n]), "row \(row)")
        }
    }
}
