import Kernels
import MessagePassing
import Networks
import Robustness
import TestSupport
import Testing

@Suite("Networks that are broken on purpose raise the flags of masked gradients, a sound one does not")
struct BrokenNetworkTests {
    /// Sigmoids after one convolution.
    private let network = Network(
        input: ImageShape(height: 8, width: 8, channels: 1), classes: 3,
        layers: [
            .convolution(.init(channels: 6, size: 3)), .activation(.sigmoid), .fullyConnected(.init(channels: 3)),
        ], hybridLoss: nil)

    private func diagnose(_ network: Network, strength: Double, _ adjust: (Model) -> Void) throws -> Diagnosis {
        let subject = try EvaluatedSamples(network, adjust: adjust)
        return try #require(
            try MaskingDiagnosis.run(
                subject.target, samples: subject.samples, classes: 3, strength: strength, communicator: .alone))
    }

    @Test("units that are saturated leave no gradient, not even to an attack without a bound")
    func saturated() throws {
        let sound = try diagnose(network, strength: 0.2) { _ in }
        #expect(!sound.isRaised(.zeroGradients) && !sound.isRaised(.unboundedFails), "\(sound.table)")
        let saturated = try diagnose(network, strength: 0.2) {
            $0.scale("conv1/weight", by: 1e8)
            // The slope of a saturated unit is about 1e-38 here: it has to underflow, not the differences of the
            // outputs.
            $0.scale("fc1/weight", by: 1e-10)
            $0.scale("fc1/bias", by: 0)
        }
        #expect(saturated.isRaised(.zeroGradients) && saturated.isRaised(.unboundedFails), "\(saturated.table)")
        #expect(saturated.figures[.unboundedFails].map { $0 > 0.6 } == true, "\(saturated.table)")
    }

    @Test(
        "units that are steps make the loss rough and its gradients turn")
    func steps() throws {
        let sound = try diagnose(network, strength: 0.5) { _ in }
        #expect(!sound.isRaised(.roughLoss) && !sound.isRaised(.turningGradients), "\(sound.table)")
        let steps = try diagnose(network, strength: 0.5) {
            $0.scale("conv1/weight", by: 3000)
            $0.scale("fc1/weight", by: 60)
        }
        #expect(steps.isRaised(.roughLoss) && steps.isRaised(.turningGradients), "\(steps.table)")
        #expect(steps.isMasked, "\(steps.table)")
    }

    @Test("units that are 0 for every sample are dead")
    func deadUnits() throws {
        var relu = network
        relu.layers[1] = .activation(.relu)
        let sound = try diagnose(relu, strength: 0.05) { _ in }
        #expect(!sound.isRaised(.deadUnits), "\(sound.table)")
        let dead = try diagnose(relu, strength: 0.05) { model in
            // Four of six filters lie far below 0.
            guard let bias = model.pointer(.bias, ofBlock: 0) else { return }
            for channel in 0..<4 { bias[channel] = -1e6 }
        }
        let share = try #require(dead.figures[.deadUnits])
        #expect(dead.isRaised(.deadUnits) && abs(share - 4.0 / 6) < 0.05, "\(dead.table)")
    }

    @Test("two runs that draw other random numbers differ; the same run in other chunks does not")
    func repeatable() throws {
        let attacks = ["fgsm", "pgd:steps=3"]
        let list = attacks.joined(separator: ",")
        let one = try EvaluatedSamples(network, seed: 1)
        let first = try one.evaluate(list, [0.05], chunk: 32)
        let again = try one.evaluate(list, [0.05], chunk: 7)
        #expect(MaskingDiagnosis.shareDiffering(first, again, attacks: attacks) == 0)
        let other = try EvaluatedSamples(network, seed: 2).evaluate(list, [0.05])
        #expect(MaskingDiagnosis.shareDiffering(first, other, attacks: ["pgd:steps=3"]) > 0.9)
        #expect(MaskingDiagnosis.shareDiffering(first, other, attacks: ["fgsm"]) == 0)
    }
}
