import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Losses against plain loops and finite differences") struct LossTests {
    static let losses: [Loss] = [
        .softmaxCrossEntropy,
        .hybrid(HybridLoss(alpha: [1, 1, 0], tolerance: 2.2e-16)),
        .hybrid(HybridLoss(alpha: [1, 1, 1 / 9.0])),
        .hybrid(HybridLoss(alpha: [0.5, 2, 0.25], p: 3)),
        .hybrid(HybridLoss(alpha: [0.7, 1.5, 0.3], p: 1.5, tolerance: 2.2e-16)),
        .hybrid(HybridLoss(alpha: [0, 1, 1], p: 2.5)),
    ]

    private func evaluate(_ loss: Loss, _ z: [Float], label: Int, scale: Float = 1) -> (
        value: Double, gradient: [Float]
    ) {
        let gradient = GuardedBuffer<Float>(z.count, 7)
        let value = loss.value(z, label: label, outputs: z.count, gradient: gradient.pointer, scale: scale)
        #expect(gradient.overrun == 0)
        let alone = loss.value(z, label: label, outputs: z.count, gradient: nil, scale: scale)
        #expect(alone.bitPattern == value.bitPattern)
        return (value, gradient.elements)
    }

    @Test("value and gradient, for each label", arguments: losses)
    func agrees(_ loss: Loss) {
        for outputs in [2, 10, 12] {
            for sample in 0..<6 {
                let z = gaussians(outputs, 100 * outputs + sample).map { $0 * Float(1 + sample % 3) }
                for label in 0..<outputs {
                    let (value, gradient) = evaluate(loss, z, label: label, scale: 0.25)
                    let expected = Naive.loss(loss, z.doubles, label: label)
                    #expect(abs(value - expected) <= 2e-6 * (1 + abs(expected)))
                    var check = GradientCheck()
                    // exp(z - total) - 1 is rounded relative to 1.
                    check.floor = 1e-6
                    let report = check.compare(gradient.map { Double($0) / 0.25 }, z.indices, at: z.doubles) {
                        Naive.loss(loss, $0, label: label)
                    }
                    #expect(report.wrong.isEmpty, "\(loss) z \(z) label \(label): \(report)")
                }
            }
        }
    }

    @Test("a mixed label travels in 32 bits, the larger share first, and costs the mixture of both losses")
    func mixture() {
        #expect(MixedLabel(7, 3, share: 0).packed == 7 && MixedLabel(7, 7, share: 0.4).packed == 7)
        #expect(MixedLabel(7, 3, share: 1).packed == 3)
        for (label, other, share) in [(0, 257, 0.25), (257, 256, 0.5), (3, 9, 0.75)] {
            let mixed = MixedLabel(label, other, share: share)
            #expect(MixedLabel(packed: mixed.packed) == mixed && mixed.packed >= 0)
            #expect((mixed.label, mixed.other) == (share > 0.5 ? (other, label) : (label, other)))
            #expect(Double(mixed.share) == min(share, 1 - share))
        }
        let z = gaussians(10, 4)
        let gradient = GuardedBuffer<Float>(10, 7)
        let value = Loss.softmaxCrossEntropy.value(
            z, label: 2, outputs: 10, gradient: gradient.pointer, scale: 1, other: (5, 0.25))
        let (a, b) = (
            evaluate(.softmaxCrossEntropy, z, label: 2), evaluate(.softmaxCrossEntropy, z, label: 5)
        )
        #expect(abs(value - 0.75 * a.value - 0.25 * b.value) < 1e-5)
        for i in 0..<10 { #expect(abs(gradient.elements[i] - 0.75 * a.gradient[i] - 0.25 * b.gradient[i]) < 1e-6) }
    }

    @Test("a smoothed label is a mixture of all labels", arguments: [0.1, 0.9] as [Float])
    func smoothing(share: Float) {
        for outputs in [1, 2, 10] {
            let z = gaussians(outputs, outputs)
            let gradient = GuardedBuffer<Float>(outputs, 7)
            let value = Loss.softmaxCrossEntropy.value(
                z, label: 0, outputs: outputs, gradient: gradient.pointer, scale: 0.5, smoothing: share)
            let each = (0..<outputs).map { evaluate(.softmaxCrossEntropy, z, label: $0, scale: 0.5) }
            func mixed(_ values: [Double]) -> Double {
                Double(1 - share) * values[0] + Double(share) * values.reduce(0, +) / Double(outputs)
            }
            #expect(abs(value - mixed(each.map(\.value))) < 1e-5)
            for i in 0..<outputs {
                #expect(abs(Double(gradient.elements[i]) - mixed(each.map { Double($0.gradient[i]) })) < 1e-6)
            }
        }
    }

    @Test("the exact hybrid loss and the cross-entropy stay right where exp underflows or overflows")
    func extremes() {
        let exact = Loss.hybrid(HybridLoss(alpha: [1, 1, 0]))
        let z: [Float] = [30, -25, 40]
        let (value, gradient) = evaluate(exact, z, label: 0)
        // -ln softmax(-z^2)_0 = 900 - 625; the label's confidence is 0, which costs another 1.
        #expect(abs(value - 276) < 1e-3)
        #expect(abs(gradient[0] - 60) < 1e-3 && abs(gradient[1] - 50) < 1e-3 && abs(gradient[2]) < 1e-6)
        let (plain, plainGradient) = evaluate(.softmaxCrossEntropy, [500, -500, 499], label: 1)
        #expect(abs(plain - (1000 + log(1 + exp(-1.0)))) < 1e-3)
        #expect(abs(plainGradient[0] - 0.7310586) < 1e-5 && plainGradient[1] == -1)
        let tolerant = Loss.hybrid(HybridLoss(alpha: [1, 1, 1], tolerance: 2.2e-16))
        let far = evaluate(tolerant, [1e4, -1e4, 50], label: 0)
        #expect(abs(far.value - 1) < 1e-6 && far.gradient.allSatisfy { $0 == 0 })
    }

    @Test("a NaN in any output makes the loss NaN", arguments: losses)
    func reportsNaN(_ loss: Loss) {
        for place in 0..<3 {
            var z: [Float] = [0.5, -0.25, 1]
            z[place] = .nan
            #expect(evaluate(loss, z, label: 1).value.isNaN, "at \(place)")
        }
    }

    @Test("confidences: softmax sums to one, a robust network's are exp(-z^2); the winner is the most confident one")
    func confidences() {
        let z: [Float] = [2, -0.5, 0.75, -3]
        let y = GuardedBuffer<Float>(4, 7)
        Loss.softmaxCrossEntropy.confidences(z, outputs: 4, into: y.pointer)
        #expect(abs(y.elements.reduce(0, +) - 1) < 1e-6 && y.elements.max() == y.pointer[0])
        #expect(Loss.softmaxCrossEntropy.winner(z, outputs: 4) == 0)
        let robust = Loss.hybrid(HybridLoss(alpha: [1, 1, 0]))
        robust.confidences(z, outputs: 4, into: y.pointer)
        #expect(deviation(y.elements, z.doubles.map { exp(-$0 * $0) }) < 1e-6)
        #expect(y.overrun == 0)
        #expect(robust.winner(z, outputs: 4) == 1)
        // All confidences underflow, and still the order is kept; the first of equals wins.
        #expect(robust.winner([30, -20, 20, 25], outputs: 4) == 1)
        #expect(Loss.softmaxCrossEntropy.winner([1, 3, 3], outputs: 3) == 1)
    }
}
