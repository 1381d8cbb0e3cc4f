import Robustness
import TestSupport
import Testing

@Suite("Figures of rejection, against their definitions")
struct DetectionTests {
    /// Scores with many ties.
    private func scores(_ count: Int, _ stream: Int, shift: Float) -> [Float] {
        gaussians(count, stream).map { (4 * ($0 + shift)).rounded() / 4 }
    }

    @Test("AUROC is the share of pairs in the right order, ties half", arguments: 0..<5)
    func area(stream: Int) {
        let (a, b) = (scores(40, stream, shift: 0.5), scores(30, 50 + stream, shift: 0))
        let pairs = a.flatMap { x in b.map { x > $0 ? 1.0 : x == $0 ? 0.5 : 0 } }
        #expect(abs(Detection(in: a, out: b).auroc - pairs.reduce(0, +) / Double(pairs.count)) < 1e-12)
    }

    @Test("average precision is the sum of precision times recall gained, over distinct thresholds", arguments: 0..<5)
    func precision(stream: Int) {
        let (a, b) = (scores(40, stream, shift: 0.5), scores(30, 50 + stream, shift: 0))
        func average(_ positive: [Float], _ negative: [Float]) -> Double {
            var (sum, before) = (0.0, 0.0)
            for threshold in Set(positive + negative).sorted(by: >) {
                let (hits, false_) = (positive.count { $0 >= threshold }, negative.count { $0 >= threshold })
                let recall = Double(hits) / Double(positive.count)
                sum += (recall - before) * Double(hits) / Double(hits + false_)
                before = recall
            }
            return sum
        }
        let found = Detection(in: a, out: b)
        #expect(abs(found.averagePrecisionIn - average(a, b)) < 1e-12)
        #expect(abs(found.averagePrecisionOut - average(b.map { -$0 }, a.map { -$0 })) < 1e-12)
    }

    @Test("thresholds keep at least the share, and no larger one does")
    func thresholds() {
        let a = scores(100, 3, shift: 0)
        for share in [0.5, 0.95, 0.99, 1] {
            let threshold = Detection.threshold(keeping: share, of: a)
            #expect(Double(a.count { $0 >= threshold }) >= share * 100)
            #expect(Double(a.count { $0 > threshold }) < share * 100)
        }
        let perfect = Detection(in: [2, 3, 4], out: [0, 1])
        #expect(perfect.auroc == 1 && perfect.falsePositiveRate == 0 && perfect.averagePrecisionIn == 1)
        #expect(Detection(in: [1, 1], out: [1, 1, 1]).auroc == 0.5)
    }

    @Test("risk falls with coverage where the score knows the errors")
    func riskCoverage() {
        let curve = RiskCoverage([(0.9, false), (0.8, false), (0.7, true), (0.6, false), (0.1, true)])
        #expect([0.2, 0.4, 0.6, 0.8, 1].map { curve.risk(at: $0) } == [0, 0, 1.0 / 3, 0.25, 0.4])
        #expect(abs(curve.area - (1.0 / 3 + 0.25 + 0.4) / 5) < 1e-12)
        // Ties share their errors, in whatever order they come.
        let tied = RiskCoverage([(1, true), (1, false)])
        #expect(tied.risk(at: 0.5) == 0.5 && RiskCoverage([(1, false), (1, true)]) == tied)
    }
}
