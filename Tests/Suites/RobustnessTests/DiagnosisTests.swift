import Datasets
import Foundation
import Kernels
import MessagePassing
import Networks
import Robustness
import TestSupport
import Testing

@Suite("The masking verdict", .serialized)
struct DiagnosisTests {
    /// The effect of attacks on a sound network: iterated ones break most, each more than the weaker.
    private var sound: MaskingErrors {
        let (weak, strong) = ((0..<100).map { $0 < 60 }, (0..<100).map { $0 < 80 })
        return MaskingErrors(
            white: [weak, strong, strong], black: [weak], oneStep: weak, manySteps: strong, lmax: weak, lmaxBatch: weak,
            nest: [weak, strong, strong], unbounded: (0..<100).map { _ in true }, classes: 10, few: strong,
            twice: strong)
    }

    private func raised(_ change: (inout MaskingErrors) -> Void) -> [MaskingFlag] {
        var errors = sound
        change(&errors)
        let diagnosis = Diagnosis(strength: 0.1, samples: 100, right: 100, figures: errors.figures)
        return MaskingFlag.allCases.filter(diagnosis.isRaised)
    }

    @Test("a sound network raises nothing; each fault raises its flag alone")
    func flags() {
        let none = [Bool](repeating: false, count: 100)
        #expect(raised { _ in } == [])
        #expect(raised { $0.black = [(0..<100).map { $0 >= 90 }] } == [.blackBoxBeatsWhiteBox])
        #expect(raised { $0.oneStep = (0..<100).map { $0 >= 40 } } == [.oneStepBeatsMany])
        #expect(
            raised {
                ($0.oneStep, $0.lmax, $0.lmaxBatch) = (none, none, none)
            } == [.oneStepOverstates])
        #expect(raised { $0.nest.reverse() } == [.notMonotone])
        #expect(raised { $0.unbounded = none } == [.unboundedFails])
        #expect(raised { $0.few = (0..<100).map { $0 < 60 } } == [.notConverged])
        #expect(raised { $0.lmaxBatch = none } == [.modeMismatch])
    }

    @Test("the verdict names the most telling decisive flag, and advice alone makes none")
    func verdicts() {
        let advice = Diagnosis(
            strength: 0.1, samples: 128, right: 100, figures: [.roughLoss: 9, .deadUnits: 1, .oneStepOverstates: 0])
        #expect(advice.verdict == "verdict: gradients not masked (3 flags checked at eps 0.1)")
        func diagnosis(_ strength: Double, right: Int = 100, _ figures: [MaskingFlag: Double]) -> Diagnosis {
            Diagnosis(strength: strength, samples: 256, right: right, figures: figures)
        }
        let masked = diagnosis(0.25, [.oneStepOverstates: 0.89, .notMonotone: 0.03])
        #expect(masked.verdict == "verdict: gradients masked: one-step overstates robustness by 0.89 at eps 0.25")
        #expect(diagnosis(1, [.zeroGradients: .nan]).isMasked)
        #expect(diagnosis(1, [.notRepeatable: 0.01]).isMasked)
        #expect(
            diagnosis(1, right: 99, [.roughLoss: 9]).verdict
                == "verdict: gradients not masked (1 flags checked at eps 1, on 99 samples only)")
    }

    @Test("there is no verdict where fewer than 20 samples are right unattacked")
    func none() throws {
        let network = Network(
            input: ImageShape(height: 8, width: 8, channels: 1), classes: 3,
            layers: [.convolution(.init(channels: 4, size: 3)), .fullyConnected(.init(channels: 3))])
        for (mistakes, words) in [
            (40, "0 samples were"), (39, "1 sample was"), (21, "19 samples were"), (20, ""),
        ] {
            let subject = try EvaluatedSamples(network, mistakes: mistakes)
            let diagnosis = try #require(
                try MaskingDiagnosis.run(
                    subject.target, samples: subject.samples, classes: 3, strength: 0.1, communicator: .alone))
            #expect(diagnosis.right == 40 - mistakes && diagnosis.hasVerdict == (mistakes == 20))
            #expect(diagnosis.lines("a")[0].hasPrefix("a,0.1,right unattacked,\(40 - mistakes),20,"))
            guard mistakes > 20 else { continue }
            #expect(!diagnosis.isMasked)
            #expect(diagnosis.verdict == "verdict: none (\(words) right unattacked, at least 20 are needed)")
        }
    }

    /// Diagnoses a small network whose last weights are multiplied by `scale`.
    private func diagnose(scale: Float) throws -> Diagnosis {
        let input = ImageShape(height: 8, width: 8, channels: 1)
        let network = Network(
            input: input, classes: 3,
            layers: [
                .convolution(.init(channels: 6, size: 3)), .activation(.sigmoid), .fullyConnected(.init(channels: 3)),
            ], hybridLoss: nil, stabilizer: 1e-4)
        let model = Model(try NetworkPlan(network))
        model.randomize(2)
        for entry in model.layout.entries where entry.name == "conv1/weight" {
            for i in 0..<entry.count { model.parameters.pointer[entry.offset + i] *= scale / 200 }
        }
        let target = TargetModel(model, meanImage: [Float](repeating: 127.5, count: input.count), seed: 1)
        var random = Philox(seed: 4, purpose: .test)
        let pixels = (0..<40 * input.count).map { _ in UInt8(255 * random.uniform()) }
        let values = Buffer(pixels.map { Float($0) - 127.5 })
        let z = try target.outputs(Array(0..<40), of: values.pointer)
        let labels = (0..<40).map { UInt8(network.loss.winner(z + 3 * $0, outputs: 3)) }
        let samples = ImageSet(
            shape: input, indices: Array(0..<40), labels: labels, pixels: pixels, contentDigest: "none")
        let diagnosis = try MaskingDiagnosis.run(
            target, samples: samples, classes: 3, strength: 0.3, communicator: .alone)
        return try #require(diagnosis)
    }

    @Test("a network whose units are saturated has no gradients, and is found out; the same one unsaturated is not")
    func saturated() throws {
        let sound = try diagnose(scale: 1)
        #expect(!sound.isRaised(.zeroGradients) && !sound.isMasked, "\(sound.table)")
        let saturated = try diagnose(scale: 1e9)
        #expect(saturated.isRaised(.zeroGradients) && saturated.isMasked, "\(saturated.table)")
        #expect(Set(saturated.figures.keys) == Set(MaskingFlag.allCases))
    }

    @Test(
        "evaluate --diagnose prints the verdict last and writes diagnosis.csv, the same on any number of ranks",
        .underMPIRun)
    func command() throws {
        try withTrainedRun(["glyphs-plain"]) { folder in
            var files: Set<String> = []
            for ranks in [0, 3] {
                let result = try evaluate(
                    folder + "/run", output: "\(folder)/\(ranks)", ranks: ranks,
                    ["--attacks", "clean", "--samples", "40", "--diagnose"])
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.lines.last?.hasPrefix("verdict: ") == true)
                let text = try String(contentsOfFile: "\(folder)/\(ranks)/diagnosis.csv", encoding: .utf8)
                #expect(text.split(separator: "\n").count == 2 + MaskingFlag.allCases.count)
                files.insert(text)
            }
            #expect(files.count == 1)
        }
    }
}
