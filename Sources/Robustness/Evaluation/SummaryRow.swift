import Essentials
import Foundation

/// One row of `summary.csv`: what one attack of one strength did to one network.
public struct SummaryRow: Sendable {
    /// The file in an evaluation directory.
    public static let file = "summary.csv"
    /// The file's first line.
    public static let header = "checkpoint,dataset,attack,strength,psnr_db,samples,error,wrong,rejected,mean_confidence"

    /// The checkpoint as the user named it.
    public let checkpoint: String
    /// The data set's name.
    public let dataset: String
    /// The attack, verbatim.
    public let attack: String
    /// The strength, a fraction of the pixel range.
    public let strength: Double
    /// The number of samples.
    public let samples: Int
    /// The share whose winning output differs from the label; for nonsense, that is accepted as a class.
    public let error: Double
    /// The share that is accepted and differs; for nonsense, that is accepted.
    public let wrong: Double
    /// The share that is rejected.
    public let rejected: Double
    /// The mean confidence of the winning output.
    public let meanConfidence: Double

    /// Makes a row of figures.
    public init(
        checkpoint: String, dataset: String, attack: String, strength: Double, samples: Int, error: Double,
        wrong: Double, rejected: Double, meanConfidence: Double
    ) {
        self.checkpoint = checkpoint
        self.dataset = dataset
        self.attack = attack
        self.strength = strength
        self.samples = samples
        self.error = error
        self.wrong = wrong
        self.rejected = rejected
        self.meanConfidence = meanConfidence
    }

    /// Sums up the records of one attack of one strength.
    init(
        checkpoint: String, dataset: String, attack: String, strength: Double, isNonsense: Bool, labels: [UInt8],
        records: [SampleRecord]
    ) {
        let count = Double(max(1, records.count))
        let wrong = Double(records.count { $0.outcome == Outcome.wrong.rawValue }) / count
        let rejected = Double(records.count { $0.outcome == Outcome.rejected.rawValue }) / count
        let differing = Double(zip(records, labels).count { Int($0.prediction) != Int($1) }) / count
        self.init(
            checkpoint: checkpoint, dataset: dataset, attack: attack, strength: strength, samples: records.count,
            error: isNonsense ? wrong : differing, wrong: wrong, rejected: rejected,
            meanConfidence: records.reduce(0) { $0 + Double($1.confidence) } / count)
    }

    /// 20 log10(1 / strength), without clipping; `inf` where nothing is perturbed, empty where the strength is no size
    /// of a change of every element.
    public var psnr: String {
        guard strength > 0 else { return "inf" }
        let own = AttackSpecification(ofRow: attack)
        guard own.flatMap({ $0.entry?.unit($0).givesPSNR }) == true else { return "" }
        return decibels(strength)
    }

    /// The row as a line of the file.
    public var line: String {
        let numbers = [error, wrong, rejected, meanConfidence].map { fixed($0, 6) }
        return
            ([CSVText.fields(of: [checkpoint, dataset, attack]), plainDecimal(strength), psnr, "\(samples)"] + numbers)
            .joined(separator: ",")
    }

    /// The row as an event of metrics.jsonl.
    public func event(step: Int) -> String {
        var line = JSONLine(event: "evaluation")
        line.add("step", step)
        line.add("attack", attack)
        line.add("strength", strength)
        line.add("samples", samples)
        line.add("error", error)
        line.add("wrong", wrong)
        line.add("rejected", rejected)
        return line.text
    }
}

/// The peak signal-to-noise ratio of a change by a fraction of the pixel range in every element.
package func decibels(_ strength: Double) -> String { fixed(-20 * log10(strength), 2) }

/// A number without an exponent and without trailing zeros: 0, 0.01, 0.25.
package func plainDecimal(_ value: Double) -> String {
    var text = fixed(value, 10)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
}
