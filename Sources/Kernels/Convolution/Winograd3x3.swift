#if XSMM
    /// F(4x4, 3x3), at the six points 0, 1, -1, 2, -2 and infinity in each direction.
    enum Winograd3x3: WinogradConvolution {
        /// B^T: six inputs at the six points.
        enum Input: WinogradTransform {
            static let inputs = 6
            static let outputs = 6

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2) = (x(0), x(1), x(2))
                let (x3, x4, x5) = (x(3), x(4), x(5))
                y(0, (4 * x0).addingProduct(x2, -5) + x4)
                pair(y, 1, x4.addingProduct(x2, -4), x3.addingProduct(x1, -4))
                pair(y, 3, x4 - x2, 2 * (x3 - x1))
                y(5, (4 * x1).addingProduct(x3, -5) + x5)
            }
        }

        /// B, the input transform's transpose.
        enum InputGradient: WinogradTransform {
            static let inputs = 6
            static let outputs = 6

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x5) = (x(0), x(5))
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                y(0, 4 * x0)
                y(1, (4 * x5).addingProduct(d1, -4).addingProduct(d3, -2))
                y(2, (-s3).addingProduct(s1, -4).addingProduct(x0, -5))
                y(3, d1.addingProduct(d3, 2).addingProduct(x5, -5))
                y(4, (x0 + s1) + s3)
                y(5, x5)
            }
        }

        /// A^T: four outputs from the six points.
        enum Output: WinogradTransform {
            static let inputs = 6
            static let outputs = 4

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                y(0, (x(0) + s1) + s3)
                y(1, d1.addingProduct(d3, 2))
                y(2, s1.addingProduct(s3, 4))
                y(3, (d1 + x(5)).addingProduct(d3, 8))
            }
        }

        /// A, the output transform's transpose.
        enum OutputGradient: WinogradTransform {
            static let inputs = 4
            static let outputs = 6

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2, x3) = (x(0), x(1), x(2), x(3))
                y(0, x0)
                pair(y, 1, x0 + x2, x1 + x3)
                pair(y, 3, x0.addingProduct(x2, 4), (2 * x1).addingProduct(x3, 8))
                y(5, x3)
            }
        }

        /// G: three weights at the six points, each by its factor of Lagrange's formula.
        enum Weight: WinogradTransform {
            static let inputs = 3
            static let outputs = 6

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2) = (x(0), x(1), x(2))
                y(0, x0 * 0.25)
                pair(y, 1, (x0 + x2) * (-1.0 / 6), x1 * (-1.0 / 6))
                pair(y, 3, x0.addingProduct(x2, 4) * (1.0 / 24), x1 * (1.0 / 12))
                y(5, x2)
            }
        }

        /// G^T, the weight transform's transpose.
        enum WeightGradient: WinogradTransform {
            static let inputs = 6
            static let outputs = 3

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                let (a1, b1) = (s1 * (-1.0 / 6), d1 * (-1.0 / 6))
                y(0, (x(0) * 0.25 + a1).addingProduct(s3, 1.0 / 24))
                y(1, b1.addingProduct(d3, 1.0 / 12))
                y(2, (x(5) + a1).addingProduct(s3, 1.0 / 6))
            }
        }
    }
#endif
