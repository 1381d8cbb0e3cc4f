import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Activations") struct ActivationTests {
    private func apply(_ activation: Activation, _ z: [Float]) -> (value: [Float], slope: [Float]) {
        let pattern = ChannelPattern(channels: 1)
        let (one, zero) = (Buffer([Float](repeating: 1, count: 16)), Buffer<Float>(16))
        let (y, dz) = (Buffer<Float>(z.count), Buffer([Float](repeating: 1, count: z.count)))
        let input = Buffer(z)
        affineActivation(
            y.pointer, input.pointer, scale: one.pointer, shift: zero.pointer, pattern: pattern, count: z.count,
            activation: activation)
        affineActivationGradient(
            dz.pointer, dz.pointer, input.pointer, scale: one.pointer, shift: zero.pointer, pattern: pattern,
            count: z.count, activation: activation)
        return (y.elements, dz.elements)
    }

    @Test(
        "the slope is the function's derivative, by central differences away from kinks",
        arguments: Activation.allCases)
    func slopes(_ activation: Activation) {
        // Off the kinks at -1, 0 and 1, which are multiples of the spacing.
        let points = (-60..<60).map { Float($0) * 0.0625 + 0.03 }
        let report = GradientCheck().compare(
            apply(activation, points).slope.doubles, points.indices, at: points.doubles
        ) { $0.reduce(0) { $0 + Naive.activation(activation, $1) } }
        #expect(report.wrong.isEmpty && report.skipped == 0, "\(report)")
    }

    @Test("values and slopes at the kinks and far out (equations 2 and 3)")
    func specialPoints() {
        let points: [Float] = [-.infinity, -1e30, -200, -1, 0, 1, 200, 1e30, .infinity]
        #expect(apply(.mrelu, points).value == [0, 0, 0, 0, 1, 0, 0, 0, 0])
        #expect(apply(.mrelu, points).slope == [0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(apply(.relu, points).value == [0, 0, 0, 0, 0, 1, 200, 1e30, .infinity])
        #expect(apply(.relu, points).slope == [0, 0, 0, 0, 0, 1, 1, 1, 1])
        let rbf = apply(.rbf, points).value
        #expect(rbf[4] == 1 && abs(rbf[3] - 0.36787945) < 1e-7 && rbf[3] == rbf[5])
        #expect([0, 1, 2, 6, 7, 8].allSatisfy { rbf[$0] == 0 })
        #expect(apply(.rbf, [-1e30, -200, 0, 200, 1e30]).slope.allSatisfy { $0 == 0 })
        let sigmoid = apply(.sigmoid, points).value
        #expect(sigmoid[4] == 0.5 && sigmoid[0] < 1e-37 && sigmoid[2] < 1e-37 && sigmoid[6] == 1 && sigmoid[8] == 1)
    }

    @Test("a NaN stays a NaN, so that it reaches the loss", arguments: Activation.allCases)
    func passesNaN(_ activation: Activation) {
        #expect(apply(activation, [.nan, 0.5]).value[0].isNaN)
        #expect(!apply(activation, [.nan, 0.5]).value[1].isNaN)
    }

    @Test("the exponential is within 2 units in the last place from -87 to 88, and exact at its ends")
    func exponentialError() {
        // All exponents, dense: 350,000 numbers.
        let x = (0...350_000).map { -87 + Float($0) * 5e-4 }
        let (input, y) = (Buffer(x), Buffer<Float>(x.count))
        exponential(y.pointer, input.pointer, count: x.count)
        var worst = 0.0
        for i in x.indices {
            let exact = exp(Double(x[i]))
            // The unit of the smallest is a denormal number.
            let unit = Denormals.kept { Double(Float(exact).ulp) }
            worst = max(worst, abs(Double(y.pointer[i]) - exact) / unit)
        }
        #expect(worst <= 2, "\(worst) units")
        let ends = Buffer<Float>([0, -88, -.infinity, 100, .infinity, .nan])
        exponential(ends.pointer, ends.pointer, count: 6)
        #expect(Array(ends.elements[..<3]) == [1, 0, 0])
        #expect(ends.pointer[3] > 2e38 && ends.pointer[3] == ends.pointer[4] && ends.pointer[3].isFinite)
        #expect(ends.pointer[5].isNaN)
    }
}
