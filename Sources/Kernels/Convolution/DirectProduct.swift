#if XSMM
    import CXSMM

    /// Products of fully connected layers by LIBXSMM, in panels of columns: one panel of the weight stays in the
    /// second-level cache while all rows pass by it, so that the weight is read once.
    ///
    /// With more than one vector of columns LIBXSMM forms each element by one chain of multiply-adds along the depth: a
    /// row's bits depend neither on its place nor on the number of rows, which therefore may be those of all lanes at
    /// hand. Bits are those of the plain loop with fused multiply-adds.
    enum DirectProduct {
        /// Columns of a panel: four vectors.
        private static let panel = 64
        /// Rows that stay in the cache beside a panel.
        private static let rowsAtOnce = 120
        /// Rows of a call of LIBXSMM: three kernels for any number of rows, so that none is made after the first call.
        private static let rowCounts = [12, 4, 1]

        /// True where all panels of a matrix, the last one included, are longer than a vector.
        static func suits(columns: Int) -> Bool { columns % panel == 0 || columns % panel > 16 }

        /// True where LIBXSMM has such kernels for this CPU.
        static let isAvailable = xsmm_kernel(64, 12, 64, 64, 64, 64, 0, 0) != nil

        /// c = a b, [rows, columns] = [rows, depth] [depth, columns].
        static func multiply(
            _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, rows: Int,
            columns: Int, depth: Int
        ) {
            for top in stride(from: 0, to: rows, by: rowsAtOnce) {
                let end = min(top + rowsAtOnce, rows)
                forEachPanel(columns) { left, width in
                    var row = top
                    for count in rowCounts {
                        let kernel = kernel(width, count, depth, columns, depth, columns, transposed: false)
                        while row + count <= end {
                            run(kernel, b + left, a + row * depth, c + row * columns + left)
                            row += count
                        }
                    }
                }
            }
        }

        /// c = a^T b, or c += a^T b: [rows, columns] of [depth, rows] with `stride` floats a row, and [depth, columns].
        static func multiplyTransposed(
            _ c: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, stride: Int, _ b: UnsafePointer<Float>,
            rows: Int, columns: Int, depth: Int, adding: Bool
        ) {
            forEachPanel(columns) { left, width in
                var row = 0
                for count in rowCounts {
                    let kernel = kernel(width, count, depth, columns, stride, columns, transposed: true, adding: adding)
                    while row + count <= rows {
                        run(kernel, b + left, a + row, c + row * columns + left)
                        row += count
                    }
                }
            }
        }

        @inline(__always)
        private static func forEachPanel(_ columns: Int, _ body: (_ left: Int, _ width: Int) -> Void) {
            for left in stride(from: 0, to: columns, by: panel) { body(left, min(panel, columns - left)) }
        }

        private static func kernel(
            _ m: Int, _ n: Int, _ k: Int, _ aStride: Int, _ bStride: Int, _ cStride: Int, transposed: Bool,
            adding: Bool = false
        ) -> UnsafeRawPointer {
            guard
                let kernel = xsmm_kernel(
                    Int32(m), Int32(n), Int32(k), Int32(aStride), Int32(bStride), Int32(cStride), adding ? 1 : 0,
                    transposed ? 1 : 0)
            else { preconditionFailure("LIBXSMM made no kernel of \(m)x\(n)x\(k)") }
            return kernel
        }

        @inline(__always)
        private static func run(
            _ kernel: UnsafeRawPointer, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
            _ c: UnsafeMutablePointer<Float>
        ) {
            var start: xsmm_offset = 0
            xsmm_run(kernel, a, b, c, 1, &start, &start)
        }
    }
#endif
