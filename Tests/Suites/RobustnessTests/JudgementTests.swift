import Kernels
import Networks
import Robustness
import Testing

@Suite("Judging a sample")
struct JudgementTests {
    private func judge(_ z: [Float], label: Int?, hybrid: Bool, nonsense: Int) throws -> SampleRecord {
        let layers: [Layer] = [.convolution(.init(channels: 2, size: 3)), .fullyConnected(.init(channels: z.count))]
        let network = Network(
            input: ImageShape(height: 4, width: 4, channels: 1), classes: z.count - nonsense,
            layers: hybrid ? layers + [.activation(.rbf)] : layers,
            hybridLoss: hybrid ? HybridLoss(alpha: [1, 1, 0]) : nil)
        var confidences = [Float](repeating: 0, count: z.count)
        return try NetworkPlan(network).judge(z, label: label, confidences: &confidences)
    }

    @Test("a robust network's winner is the output nearest to 0, even where all confidences underflow")
    func robust() throws {
        let record = try judge([20, -19, 30], label: 1, hybrid: true, nonsense: 0)
        #expect(record.prediction == 1 && record.outcome == Outcome.rejected.rawValue)
        let sure = try judge([2, 0.1, 3], label: 1, hybrid: true, nonsense: 0)
        #expect(sure.outcome == Outcome.correct.rawValue && abs(sure.confidence - 0.99005) < 1e-4)
    }

    @Test("without a nonsense output a confidence of at most one half is a rejection")
    func threshold() throws {
        #expect(try judge([0, 0], label: 0, hybrid: false, nonsense: 0).outcome == Outcome.rejected.rawValue)
        #expect(try judge([0.1, 0], label: 1, hybrid: false, nonsense: 0).outcome == Outcome.wrong.rawValue)
    }

    @Test("with nonsense outputs only they reject, and nonsense that is accepted is wrong")
    func nonsense() throws {
        #expect(try judge([0, 0.1, 0.2, 5], label: 0, hybrid: false, nonsense: 1).outcome == Outcome.rejected.rawValue)
        #expect(try judge([0, 0.2, 0.1, 0], label: 1, hybrid: false, nonsense: 1).outcome == Outcome.correct.rawValue)
        #expect(try judge([0, 0.2, 0.1, 0], label: nil, hybrid: false, nonsense: 1).outcome == Outcome.wrong.rawValue)
    }
}
