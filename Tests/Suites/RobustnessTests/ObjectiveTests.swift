import Foundation
import Kernels
import Networks
import Robustness
import TestSupport
import Testing

@Suite("What attacks maximise")
struct ObjectiveTests {
    private static let networks = SmallNetworks.all.filter { ["plain", "mReLU, released loss"].contains($0.name) }

    @Test("gradients agree with finite differences, values with their definitions", arguments: Objective.allCases)
    func gradients(objective: Objective) throws {
        for (_, network) in Self.networks {
            for (stream, success) in [(1, SuccessCriterion.error), (2, .error), (3, .accepted), (4, .accepted)] {
                // 3 classes and an output for nonsense.
                let z = gaussians(4, 40 + stream).map { 1.5 * $0 }
                let (label, target) = (stream % 3, (stream + 1) % 3)
                let gradient = Buffer<Float>(4)
                func value(_ z: [Float], _ gradient: Buffer<Float>?) -> Double {
                    let buffer = Buffer(z)
                    return withExtendedLifetime(buffer) {
                        objective.value(
                            buffer.pointer, network, outputs: 4, label: label, target: target, success: success,
                            gradient: gradient?.pointer)
                    }
                }
                let found = value(z, gradient)
                let isRobust = network.hybridLoss != nil
                let s = z.map { isRobust ? -Double($0 * $0) : Double($0) }
                #expect(abs(found - definition(objective, s, label, target, success)) < 1e-4)
                var check = GradientCheck()
                check.step = 1e-3
                check.relative = 1e-2
                check.absolute = 1e-2
                let report = check.compare(gradient.elements.map(Double.init), 0..<4, at: z.map(Double.init)) {
                    definition(
                        objective, $0.map { isRobust ? -$0 * $0 : $0 }, label, target, success)
                }
                #expect(report.wrong.isEmpty && report.checked > 0, "\(objective) \(stream): \(report)")
            }
        }
    }

    /// As the papers write it, on logits in double precision.
    private func definition(
        _ objective: Objective, _ s: [Double], _ label: Int, _ target: Int, _ success: SuccessCriterion
    ) -> Double {
        let own = s.indices.filter { $0 == label || (success == .accepted && $0 >= 3) }
        let others = s.indices.filter { !own.contains($0) }
        let (best, rest) = (own.map { s[$0] }.max() ?? 0, others.map { s[$0] }.max() ?? 0)
        let p = s.sorted(by: >)
        switch objective {
        case .crossEntropy:
            return log(s.map { exp($0) }.reduce(0, +)) - log(own.map { exp(s[$0]) }.reduce(0, +))
        case .margin: return rest - best
        case .differenceOfLogitsRatio: return (rest - best) / (p[0] - p[2] + 1e-12)
        case .targetedDifferenceOfLogitsRatio:
            return (s[target] - best) / (p[0] - (p[2] + p[3]) / 2 + 1e-12)
        }
    }
}
