import Foundation
import Kernels
import TestSupport
import Testing
import Training

@Suite("The divergence of TRADES and its two gradients")
struct DivergenceTests {
    private let losses: [Loss] = [.softmaxCrossEntropy, .hybrid(HybridLoss(alpha: [1, 1, 0]))]
    private let count = 5

    /// KL(p(a) || p(b)) in double precision.
    private func divergence(_ a: [Double], _ b: [Double], _ loss: Loss) -> Double {
        func logits(_ z: [Double]) -> [Double] { if case .hybrid = loss { z.map { -$0 * $0 } } else { z } }
        func logProbabilities(_ z: [Double]) -> [Double] {
            let s = logits(z)
            let total = s.map { exp($0) }.reduce(0, +)
            return s.map { $0 - log(total) }
        }
        return zip(logProbabilities(a), logProbabilities(b)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }

    @Test("agrees with its definition; gradients by finite differences, with respect to both outputs", arguments: 0..<4)
    func gradients(stream: Int) {
        for loss in losses {
            let (a, b) = (gaussians(count, 7 + stream), gaussians(count, 70 + stream))
            let (p, q) = (Buffer<Float>(count), Buffer<Float>(count))
            let (first, second) = (Buffer<Float>(count), Buffer<Float>(count))
            let (za, zb) = (Buffer(a), Buffer(b))
            Divergence.probabilities(za.pointer, loss, outputs: count, into: p.pointer)
            Divergence.probabilities(zb.pointer, loss, outputs: count, into: q.pointer)
            #expect(abs(p.elements.reduce(0, +) - 1) < 1e-6)
            let value = Divergence.value(
                zb.pointer, loss, outputs: count, from: p.pointer, gradient: second.pointer, scale: 2)
            Divergence.addGradient(
                za.pointer, loss, outputs: count, p: p.pointer, q: q.pointer, to: first.pointer, scale: 3)
            let (x, y) = (a.map(Double.init), b.map(Double.init))
            #expect(abs(value - divergence(x, y, loss)) < 1e-5)
            let ofFirst = GradientCheck().compare(
                first.elements.map { Double($0) / 3 }, 0..<count, at: x
            ) { divergence($0, y, loss) }
            #expect(ofFirst.passed, "\(ofFirst)")
            let ofSecond = GradientCheck().compare(
                second.elements.map { Double($0) / 2 }, 0..<count, at: y
            ) { divergence(x, $0, loss) }
            #expect(ofSecond.passed, "\(ofSecond)")
        }
    }

    @Test("is 0 between equal outputs, and finite where a probability underflows")
    func edges() {
        let z = Buffer<Float>([0, 300, -300, 2, 1])
        let (p, gradient) = (Buffer<Float>(count), Buffer<Float>(count))
        Divergence.probabilities(z.pointer, .softmaxCrossEntropy, outputs: count, into: p.pointer)
        #expect(
            abs(
                Divergence.value(
                    z.pointer, .softmaxCrossEntropy, outputs: count, from: p.pointer, gradient: gradient.pointer,
                    scale: 1)) < 1e-6)
        let other = Buffer<Float>([300, -300, 0, 0, 0])
        let value = Divergence.value(
            other.pointer, .softmaxCrossEntropy, outputs: count, from: p.pointer, gradient: gradient.pointer, scale: 1)
        #expect(value.isFinite && value > 10 && gradient.elements.allSatisfy(\.isFinite))
    }
}
