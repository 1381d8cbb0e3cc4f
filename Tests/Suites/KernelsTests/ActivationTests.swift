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

    /// The catalogue, and functions with other parameters.
    static let all =
        Activation.allCases
        + ["leaky_relu:slope=-2", "clip:low=-1.5:high=0.25"].compactMap(Activation.init)

    @Test("the slope is the function's derivative, by central differences away from kinks", arguments: all)
    func slopes(_ activation: Activation) {
        // Off the kinks, which are multiples of the spacing.
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

    @Test("values and slopes of the others at their kinks and far out")
    func furtherPoints() throws {
        let points: [Float] = [-.infinity, -1e30, -200, -3, 0, 3, 200, 1e30, .infinity]
        #expect(apply(.silu, points).value[6...] == [200, 1e30, .infinity])
        #expect(apply(.silu, points).value[..<3].allSatisfy { abs($0) < 1e-30 })
        let silu = apply(.silu, points).slope
        #expect(silu[..<3].allSatisfy { abs($0) < 1e-30 } && silu[4] == 0.5 && silu[6...].allSatisfy { $0 == 1 })
        #expect(apply(.hardSwish, points).value == [0, 0, 0, 0, 0, 3, 200, 1e30, .infinity])
        #expect(apply(.hardSwish, points).slope == [0, 0, 0, -0.5, 0.5, 1.5, 1, 1, 1])
        #expect(apply(.tanh, points).value == [-1, -1, -1, -0.9950548, 0, 0.9950548, 1, 1, 1])
        #expect(apply(.tanh, points).slope[4] == 1 && apply(.tanh, points).slope[6...].allSatisfy { $0 == 0 })
        let clip = try #require(Activation(rawValue: "clip:low=-3:high=3"))
        #expect(apply(clip, points).value == [-3, -3, -3, -3, 0, 3, 3, 3, 3])
        #expect(apply(clip, points).slope == [0, 0, 0, 0, 1, 0, 0, 0, 0])
        let leaky = try #require(Activation(rawValue: "leaky_relu:slope=0.5"))
        #expect(apply(leaky, points).value == [-.infinity, -5e29, -100, -1.5, 0, 3, 200, 1e30, .infinity])
        #expect(apply(leaky, points).slope == [0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1])
    }

    @Test("an activation's text names its parameters where they are not the default ones")
    func text() throws {
        #expect(
            Activation.allCases.map(\.rawValue)
                == Activation.allCases.map { Activation(rawValue: $0.rawValue)?.rawValue })
        #expect(Activation(rawValue: "clip:high=1")?.rawValue == "clip:low=0:high=1")
        #expect(Activation(rawValue: "clip:high=6:low=0") == .clip)
        #expect(Activation(rawValue: "clip:high=inf:low=-2.5")?.rawValue == "clip:low=-2.5:high=inf")
        for wrong in [
            "", ":", "reluu", "relu:slope=1", "clip:low=6", "clip:low=nan", "clip:low", "clip:low=1:low=2",
            "leaky_relu:slope=inf", "leaky_relu:slope=", "leaky_relu:", "clip:low=0:high=6:x=1",
        ] {
            #expect(Activation(rawValue: wrong) == nil, "\(wrong)")
        }
        let coded = try JSONDecoder().decode([Activation].self, from: JSONEncoder().encode([Activation.mrelu, .tanh]))
        #expect(coded == [.mrelu, .tanh])
    }

    @Test("tanh is within 3 units in the last place")
    func tanhError() {
        let x = (-100_000...100_000).map { Float($0) * 1e-4 }
        let y = apply(.tanh, x).value
        let worst = zip(x, y).reduce(0.0) { worst, pair in
            let exact = Foundation.tanh(Double(pair.0))
            return max(worst, abs(Double(pair.1) - exact) / Double(Float(exact).ulp))
        }
        #expect(worst <= 3, "\(worst) units")
    }

    @Test("a NaN stays a NaN, so that it reaches the loss", arguments: all)
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
