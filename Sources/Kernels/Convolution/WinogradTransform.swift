#if XSMM
    /// A linear map of a few vectors to a few others, the factor of a Winograd convolution in one direction.
    ///
    /// F(m, r), m outputs of a kernel of r, comes from polynomials at m + r - 1 points: y = A^T ((G w) * (B^T x)), * by
    /// elements (Lavin & Gray 2016, section 4; Toom 1963, Cook 1966). The backward pass takes the transposed maps.
    protocol WinogradTransform {
        /// The vectors that it takes, and those that it makes.
        static var inputs: Int { get }
        static var outputs: Int { get }
        /// Reads each of `x`, at times more than once, and writes each of `y`.
        static func apply(_ x: (Int) -> Vector, _ y: (Int, Vector) -> Void)
    }

    extension WinogradTransform {
        /// The map in both directions, down and then across, of `inputs` x `inputs` vectors to `outputs` x `outputs`.
        ///
        /// - Parameter workspace: room for `outputs` x `inputs` vectors.
        @inline(__always)
        static func applyBoth(
            _ workspace: UnsafeMutablePointer<Vector>, _ x: (_ row: Int, _ column: Int) -> Vector,
            _ y: (_ row: Int, _ column: Int, Vector) -> Void
        ) {
            for column in 0..<inputs {
                apply({ x($0, column) }, { workspace[$0 * inputs + column] = $1 })
            }
            for row in 0..<outputs {
                apply({ workspace[row * inputs + $0] }, { y(row, $0, $1) })
            }
        }
    }

    /// Writes a sum and a difference as elements `i` and `i + 1`: the values at a point and at its negative.
    @inline(__always)
    func pair(_ y: (Int, Vector) -> Void, _ i: Int, _ even: Vector, _ odd: Vector) {
        y(i, even + odd)
        y(i + 1, even - odd)
    }

    /// The sum and the difference of elements `i` and `i + 1`.
    @inline(__always)
    func sums(_ x: (Int) -> Vector, _ i: Int) -> (Vector, Vector) {
        let (a, b) = (x(i), x(i + 1))
        return (a + b, a - b)
    }
#endif
