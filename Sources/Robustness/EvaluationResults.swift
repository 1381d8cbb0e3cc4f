import Checkpoints
import Datasets
import Essentials
import Foundation

/// All results of one network on one set of samples, as files: `results.h5` and rows of `summary.csv`.
public struct EvaluationResults {
    /// The checkpoint as the user named it.
    public let checkpoint: String
    /// Its digest.
    public let checkpointDigest: String
    /// The step that it was written at.
    public let checkpointStep: Int
    /// The data set's name.
    public let dataset: String
    /// The digest of the split that the samples come from.
    public let datasetDigest: String
    /// The split's name.
    public let split: String
    /// The key of all random numbers.
    public let seed: UInt64
    /// The samples' indices in their file, and labels.
    public let indices: [Int32]
    /// Their labels.
    public let labels: [UInt8]
    /// The outputs z of the clean samples, [samples, outputs]; empty if they were not asked for.
    public var cleanOutputs: [Float] = []
    /// The number of outputs.
    public let outputs: Int
    /// One for each attack.
    public var attacks: [AttackResult] = []

    /// No results yet.
    public init(
        checkpoint: String, checkpointDigest: String, checkpointStep: Int, dataset: String, split: String, seed: UInt64,
        samples: ImageSet,
        outputs: Int
    ) {
        self.checkpoint = checkpoint
        self.checkpointDigest = checkpointDigest
        self.checkpointStep = checkpointStep
        self.dataset = dataset
        datasetDigest = samples.contentDigest
        self.split = split
        self.seed = seed
        indices = samples.indices
        labels = samples.labels
        self.outputs = outputs
    }

    /// Writes `results.h5`, whole or not at all.
    public func write(to path: String) throws {
        var tree = HDF5Tree()
        tree.rootAttributes = [
            "format": .string("steadfast-results"), "format_version": .int64(1),
            "product_version": .string(Product.version), "checkpoint": .string(checkpoint),
            "checkpoint_digest": .string(checkpointDigest), "checkpoint_step": .int64(Int64(checkpointStep)),
            "dataset": .string(dataset),
            "dataset_digest": .string(datasetDigest), "split": .string(split), "seed": .int64(Int64(bitPattern: seed)),
            "created": .string(Date.now.formatted(.iso8601)),
        ]
        let count = indices.count
        tree.tensors["samples/index"] = Tensor(shape: [count], elements: .int32(indices))
        tree.tensors["samples/label"] = Tensor(shape: [count], elements: .int16(labels.map { Int16($0) }))
        for attack in attacks {
            let group = "attacks/\(attack.specification.verbatim)"
            let shape = [attack.strengths.count, count]
            let records = attack.records.flatMap { $0 }
            tree.attributes[group] = [
                "name": .string(attack.specification.name), "seed": .int64(Int64(bitPattern: seed)),
                "unit": .string("fractions of the pixel range"),
            ].merging(attack.settings.map { ($0, .string($1)) }) { first, _ in first }
            tree.tensors["\(group)/strength"] = Tensor(
                shape: [attack.strengths.count], elements: .float64(attack.strengths))
            tree.tensors["\(group)/prediction"] = Tensor(shape: shape, elements: .int16(records.map(\.prediction)))
            tree.tensors["\(group)/outcome"] = Tensor(shape: shape, elements: .uint8(records.map(\.outcome)))
            tree.tensors["\(group)/confidence"] = Tensor(shape: shape, records.map(\.confidence))
            tree.tensors["\(group)/linf"] = Tensor(shape: shape, records.map(\.linf))
            tree.tensors["\(group)/l2"] = Tensor(shape: shape, records.map(\.l2))
            tree.tensors["\(group)/l1"] = Tensor(shape: shape, records.map(\.l1))
            if attack.specification.name == "clean" && !cleanOutputs.isEmpty {
                tree.tensors["\(group)/output"] = Tensor(shape: [count, outputs], cleanOutputs)
            }
        }
        try SealedFile.write(tree, to: path)
    }

    /// The rows of `summary.csv`.
    public var summary: [SummaryRow] {
        attacks.flatMap { attack in
            zip(attack.strengths, attack.records).map { strength, records in
                SummaryRow(
                    checkpoint: checkpoint, dataset: dataset, attack: attack.specification.verbatim, strength: strength,
                    isNonsense: attack.isNonsense, labels: labels, records: records)
            }
        }
    }
}

/// One row of `summary.csv`: what one attack of one strength did to one network.
public struct SummaryRow: Sendable {
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

    /// 20 log10(1 / strength), without clipping; `inf` where nothing is perturbed.
    public var psnr: String { strength > 0 ? String(format: "%.2f", -20 * log10(strength)) : "inf" }

    /// The row as a line of the file.
    public var line: String {
        let numbers = [error, wrong, rejected, meanConfidence].map { String(format: "%.6f", $0) }
        return
            ([quoted(checkpoint), quoted(dataset), quoted(attack), plainDecimal(strength), psnr, "\(samples)"] + numbers)
            .joined(separator: ",")
    }

    private func quoted(_ text: String) -> String {
        guard text.contains(where: { ",\"\n".contains($0) }) else { return text }
        return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
}

/// A number without an exponent and without trailing zeros: 0, 0.01, 0.25.
func plainDecimal(_ value: Double) -> String {
    var text = String(format: "%.10f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
}
