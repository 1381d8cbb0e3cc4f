/// How well a score tells samples that belong ("in") from those that do not ("out"): the higher the score the more a
/// sample seems to belong. Equal scores count as half (or as one group where an order is needed).
public struct Detection: Equatable, Sendable {
    /// The probability that an "in" scores above an "out".
    public let auroc: Double
    /// The share of "out" at or above the threshold that keeps at least 95 % of "in".
    public let falsePositiveRate: Double
    /// The average precision of finding "in" by high scores.
    public let averagePrecisionIn: Double
    /// The average precision of finding "out" by low scores.
    public let averagePrecisionOut: Double

    /// Computes the figures; both lists hold at least one score.
    public init(in inScores: [Float], out outScores: [Float]) {
        precondition(!inScores.isEmpty && !outScores.isEmpty, "no scores to compare")
        auroc = Detection.area(inScores, outScores)
        let threshold = Detection.threshold(keeping: 0.95, of: inScores)
        falsePositiveRate = Double(outScores.count { $0 >= threshold }) / Double(outScores.count)
        averagePrecisionIn = Detection.averagePrecision(positive: inScores, negative: outScores)
        averagePrecisionOut = Detection.averagePrecision(
            positive: outScores.map { -$0 }, negative: inScores.map { -$0 })
    }

    /// The largest threshold at or above which at least a share of the scores lies; where there is no score, one that
    /// keeps everything.
    public static func threshold(keeping share: Double, of scores: [Float]) -> Float {
        guard !scores.isEmpty else { return -.infinity }
        let sorted = scores.sorted(by: >)
        let kept = max(1, Int((share * Double(sorted.count)).rounded(.up)))
        return sorted[min(kept, sorted.count) - 1]
    }

    /// Mann and Whitney's statistic by midranks.
    private static func area(_ inScores: [Float], _ outScores: [Float]) -> Double {
        let all = (inScores.map { ($0, true) } + outScores.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var rankSum = 0.0
        var start = 0
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            rankSum += Double(start + end + 1) / 2 * Double(all[start..<end].count(where: \.1))
            start = end
        }
        let n = Double(inScores.count)
        return (rankSum - n * (n + 1) / 2) / (n * Double(outScores.count))
    }

    /// The sum over falling thresholds of precision times the recall gained; equal scores are one threshold.
    private static func averagePrecision(positive: [Float], negative: [Float]) -> Double {
        let all = (positive.map { ($0, true) } + negative.map { ($0, false) }).sorted { $0.0 > $1.0 }
        var (found, seen, sum, start) = (0, 0, 0.0, 0)
        while start < all.count {
            var end = start
            while end < all.count, all[end].0 == all[start].0 { end += 1 }
            let gained = all[start..<end].count(where: \.1)
            found += gained
            seen += end - start
            sum += Double(found) / Double(seen) * Double(gained) / Double(positive.count)
            start = end
        }
        return sum
    }
}

/// The error among the samples of highest score, by how many of them are covered.
public struct RiskCoverage: Equatable, Sendable {
    private let risks: [Double]

    /// From each sample's score and whether it is an error; equal scores share their errors evenly.
    public init(_ samples: [(score: Float, isError: Bool)]) {
        let sorted = samples.sorted { $0.score > $1.score }
        var risks: [Double] = []
        var (errors, start) = (0.0, 0)
        while start < sorted.count {
            var end = start
            while end < sorted.count, sorted[end].score == sorted[start].score { end += 1 }
            let share = Double(sorted[start..<end].count(where: \.isError)) / Double(end - start)
            for place in start..<end {
                errors += share
                risks.append(errors / Double(place + 1))
            }
            start = end
        }
        self.risks = risks
    }

    /// The error of the share `coverage` of highest score, rounded up to whole samples.
    public func risk(at coverage: Double) -> Double {
        guard !risks.isEmpty else { return 0 }
        return risks[min(risks.count, max(1, Int((coverage * Double(risks.count)).rounded(.up)))) - 1]
    }

    /// The mean risk over all coverages.
    public var area: Double { risks.isEmpty ? 0 : risks.reduce(0, +) / Double(risks.count) }
}
