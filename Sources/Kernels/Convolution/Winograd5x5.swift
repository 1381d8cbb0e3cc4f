#if XSMM
    /// F(4x4, 5x5), at the eight points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity in each direction.
    enum Winograd5x5: WinogradConvolution {
        /// B^T: eight inputs at the eight points.
        enum Input: WinogradTransform {
            static let inputs = 8
            static let outputs = 8

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2, x3) = (x(0), x(1), x(2), x(3))
                let (x4, x5, x6, x7) = (x(4), x(5), x(6), x(7))
                y(0, (x0 - x6).addingProduct(x4 - x2, 5.25))
                y(7, (x7 - x1).addingProduct(x3 - x5, 5.25))
                pair(y, 1, (x2 + x6).addingProduct(x4, -4.25), (x1 + x5).addingProduct(x3, -4.25))
                pair(
                    y, 3, x6.addingProduct(x2, 0.25).addingProduct(x4, -1.25),
                    (0.5 * x1).addingProduct(x3, -2.5).addingProduct(x5, 2))
                pair(
                    y, 5, x6.addingProduct(x2, 4).addingProduct(x4, -5),
                    (2 * x1).addingProduct(x3, -2.5).addingProduct(x5, 0.5))
            }
        }

        /// B, the input transform's transpose.
        enum InputGradient: WinogradTransform {
            static let inputs = 8
            static let outputs = 8

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x7) = (x(0), x(7))
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                let (s5, d5) = sums(x, 5)
                y(0, x0)
                y(1, (d1 - x7).addingProduct(d3, 0.5).addingProduct(d5, 2))
                y(2, s1.addingProduct(s3, 0.25).addingProduct(s5, 4).addingProduct(x0, -5.25))
                y(3, (5.25 * x7).addingProduct(d1, -4.25).addingProduct(d3 + d5, -2.5))
                y(4, (5.25 * x0).addingProduct(s1, -4.25).addingProduct(s3, -1.25).addingProduct(s5, -5))
                y(5, d1.addingProduct(d3, 2).addingProduct(d5, 0.5).addingProduct(x7, -5.25))
                y(6, (s1 - x0) + (s3 + s5))
                y(7, x7)
            }
        }

        /// A^T: four outputs from the eight points.
        enum Output: WinogradTransform {
            static let inputs = 8
            static let outputs = 4

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                let (s5, d5) = sums(x, 5)
                y(0, (x(0) + s1) + (s3 + s5))
                y(1, d1.addingProduct(d3, 2).addingProduct(d5, 0.5))
                y(2, s1.addingProduct(s3, 4).addingProduct(s5, 0.25))
                y(3, (d1 + x(7)).addingProduct(d3, 8).addingProduct(d5, 0.125))
            }
        }

        /// A, the output transform's transpose.
        enum OutputGradient: WinogradTransform {
            static let inputs = 4
            static let outputs = 8

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2, x3) = (x(0), x(1), x(2), x(3))
                y(0, x0)
                pair(y, 1, x0 + x2, x1 + x3)
                pair(y, 3, x0.addingProduct(x2, 4), (2 * x1).addingProduct(x3, 8))
                pair(y, 5, x0.addingProduct(x2, 0.25), (0.5 * x1).addingProduct(x3, 0.125))
                y(7, x3)
            }
        }

        /// G: five weights at the eight points, each by its factor of Lagrange's formula.
        enum Weight: WinogradTransform {
            static let inputs = 5
            static let outputs = 8

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (x0, x1, x2, x3, x4) = (x(0), x(1), x(2), x(3), x(4))
                y(0, x0)
                pair(y, 1, (x0 + x2 + x4) * (-2.0 / 9), (x1 + x3) * (-2.0 / 9))
                pair(
                    y, 3, x0.addingProduct(x2, 4).addingProduct(x4, 16) * (1.0 / 90),
                    x1.addingProduct(x3, 4) * (1.0 / 45))
                pair(
                    y, 5, x0.addingProduct(x2, 0.25).addingProduct(x4, 0.0625) * (32.0 / 45),
                    x1.addingProduct(x3, 0.25) * (16.0 / 45))
                y(7, x4)
            }
        }

        /// G^T, the weight transform's transpose.
        enum WeightGradient: WinogradTransform {
            static let inputs = 8
            static let outputs = 5

            @inline(__always)
            static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void) {
                let (s1, d1) = sums(x, 1)
                let (s3, d3) = sums(x, 3)
                let (s5, d5) = sums(x, 5)
                let (a1, a3, a5) = (s1 * (-2.0 / 9), s3 * (1.0 / 90), s5 * (32.0 / 45))
                let (b1, b3, b5) = (d1 * (-2.0 / 9), d3 * (1.0 / 45), d5 * (16.0 / 45))
                y(0, (x(0) + a1) + (a3 + a5))
                y(1, b1 + (b3 + b5))
                y(2, a1.addingProduct(a3, 4).addingProduct(a5, 0.25))
                y(3, b1.addingProduct(b3, 4).addingProduct(b5, 0.25))
                y(4, (x(7) + a1).addingProduct(a3, 16).addingProduct(a5, 0.0625))
            }
        }
    }
#endif
