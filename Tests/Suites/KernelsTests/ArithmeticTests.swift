import Kernels
import TestSupport
import Testing

@Suite("Sums, products and quotients against plain loops") struct ArithmeticTests {
    static let shapes = [
        ImageShape(height: 1, width: 1, channels: 1), ImageShape(height: 1, width: 1, channels: 16),
        ImageShape(height: 3, width: 2, channels: 1), ImageShape(height: 2, width: 2, channels: 16),
        ImageShape(height: 3, width: 2, channels: 5), ImageShape(height: 5, width: 3, channels: 33),
    ]

    /// Numbers of both signs, none of them near 0.
    private static func operand(_ count: Int, _ stream: Int) -> [Float] {
        gaussians(count, stream).map { $0 < 0 ? $0 - 0.5 : $0 + 0.5 }
    }

    @Test(
        "results and gradients are those of the definition, and nothing else is written", arguments: shapes,
        [false, true])
    func agrees(_ shape: ImageShape, _ isSpread: Bool) {
        let y = Self.operand(shape.count, 1)
        let x = Self.operand(isSpread ? shape.channels : shape.count, 2)
        let xs = GuardedBuffer(x, guard: .nan)
        for operation in Arithmetic.allCases {
            let found = GuardedBuffer(y, guard: 7)
            combine(found.pointer, operation, xs.pointer, shape, isSpread: isSpread)
            let scale = operation == .sum ? Naive.combine(.sum, [y.doubles.sizes, x.doubles.sizes], shape) : nil
            #expect(
                deviation(found.elements, Naive.combine(operation, [y.doubles, x.doubles], shape), scale: scale) < 2e-7)
            #expect(found.overrun == 0)
        }

        // d (a / x) / dx = -a / x^2 = -y / x.
        let dy = gaussians(shape.count, 3)
        let (ys, gradient) = (GuardedBuffer(y, guard: .nan), GuardedBuffer(dy, guard: 7))
        divisorGradient(gradient.pointer, ys.pointer, xs.pointer, shape, isSpread: isSpread)
        let products = Naive.combine(.product, [dy.doubles, y.doubles], shape).map { -$0 }
        #expect(deviation(gradient.elements, Naive.combine(.quotient, [products, x.doubles], shape)) < 4e-7)
        #expect(gradient.overrun == 0)
    }

    @Test("one number a channel at every position, and the sum over the positions back", arguments: shapes)
    func spreads(_ shape: ImageShape) {
        let x = gaussians(shape.channels, 4)
        let (xs, y) = (GuardedBuffer(x, guard: .nan), GuardedBuffer<Float>(shape.count, 7))
        spread(y.pointer, xs.pointer, shape)
        #expect(y.elements == (0..<shape.count).map { x[$0 % shape.channels] } && y.overrun == 0)

        let dy = gaussians(shape.count, 5)
        let (dys, dx) = (GuardedBuffer(dy, guard: .nan), GuardedBuffer<Float>(shape.channels, 7))
        spreadGradient(dx.pointer, dys.pointer, shape)
        let zeros = [Double](repeating: 0, count: shape.count)
        let expected = Naive.sums(dy.doubles, zeros, channels: shape.channels).first
        let sizes = Naive.sums(dy.doubles.sizes, zeros, channels: shape.channels).first
        #expect(deviation(dx.elements, expected, scale: sizes) < 1e-6 && dx.overrun == 0)
    }
}
