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
        case .differenceOfLogitsRatio:
            // Where the label and a nonsense output lead, the third logit is the numerator's own: then the fourth.
            let isConstant = best == p[0] && rest == p[2]
            return (rest - best) / (p[0] - p[isConstant ? 3 : 2] + 1e-12)
        case .targetedDifferenceOfLogitsRatio:
            return (s[target] - best) / (p[0] - (p[2] + p[3]) / 2 + 1e-12)
        case .targetedMargin: return s[target] - best
        }
    }

    @Test(
        "where a ratio lacks outputs it is its margin, which has a gradient; nothing has one where a side is empty",
        arguments: [2, 3, 4])
    func fewOutputs(outputs: Int) {
        let network = Network(
            input: ImageShape(height: 2, width: 2, channels: 1), classes: 2,
            layers: [.fullyConnected(.init(channels: outputs))])
        let z = Buffer(Array([0.4, -1.3, 0.2, -0.6].prefix(outputs).map(Float.init)))
        func look(_ objective: Objective, _ success: SuccessCriterion, label: Int = 0) -> (Double, [Float]) {
            let gradient = Buffer([Float](repeating: .nan, count: outputs))
            let value = objective.value(
                z.pointer, network, outputs: outputs, label: label, target: 1, success: success,
                gradient: gradient.pointer)
            return (value, gradient.elements)
        }
        for success in SuccessCriterion.allCases {
            for objective in Objective.allCases {
                let (value, gradient) = look(objective, success)
                #expect(value.isFinite && gradient.allSatisfy(\.isFinite) && gradient.contains { $0 != 0 })
            }
            let (margin, targeted) = (look(.margin, success), look(.targetedMargin, success))
            let (ratio, aimed) = (
                look(.differenceOfLogitsRatio, success), look(.targetedDifferenceOfLogitsRatio, success)
            )
            #expect(
                (ratio.0 == margin.0 && ratio.1 == margin.1) == (outputs < 3 || outputs == 3 && success == .accepted))
            #expect((aimed.0 == targeted.0 && aimed.1 == targeted.1) == (outputs < 4))
        }
        var alone = network
        alone.classes = 1
        let buffer = Buffer<Float>(outputs)
        buffer.pointer.update(repeating: .nan, count: outputs)
        // The label and the nonsense outputs are on one side: there is no other.
        #expect(
            Objective.margin.value(
                z.pointer, alone, outputs: outputs, label: 0, success: .accepted, gradient: buffer.pointer) == 0)
        #expect(buffer.elements.allSatisfy { $0 == 0 })
    }
}
