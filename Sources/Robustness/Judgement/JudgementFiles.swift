import Essentials
import Foundation

/// The figures that follow from the records of evaluations, as CSV files beside `summary.csv`. The first columns are
/// those of `summary.csv`.
public enum JudgementFiles {
    /// Writes all files, each whole or not at all: `classes.csv`, `confusion.csv`, `worst.csv`, `distances.csv`,
    /// `parts.csv`, `rejection.csv`, `risk_coverage.csv`.
    public static func write(_ results: [EvaluationResults], to folder: String) throws {
        try write("classes", "checkpoint,attack,strength,class,samples,error,wrong,rejected,mean_confidence", folder) {
            results.flatMap(classes)
        }
        try write("confusion", "checkpoint,attack,strength,label,prediction,count", folder) {
            results.flatMap(confusion)
        }
        try write(
            "worst",
            "checkpoint,set,strength,attacks,samples,error,wrong,rejected,strongest,strongest_error", folder
        ) { results.flatMap(worst) }
        try write("distances", "checkpoint,attack,strength,samples,of,mean_linf,mean_l2,mean_l1,psnr_db", folder) {
            results.flatMap(distances)
        }
        try write("parts", SummaryRow.header, folder) { results.flatMap(parts) }
        try write(
            "rejection",
            "checkpoint,attack,strength,auroc,fpr_at_95_tpr,aupr_in,aupr_out,threshold,error,wrong,rejected", folder
        ) { results.flatMap(rejection) }
        try write("risk_coverage", "checkpoint,attack,strength,coverage,risk,area", folder) {
            results.flatMap(riskCoverage)
        }
    }

    private static func write(
        _ name: String, _ header: String, _ folder: String, lines: () -> [String]
    ) throws {
        try AtomicFile.write(lines: [header] + lines(), to: "\(folder)/\(name).csv")
    }

    /// Calls `body` for each attack and strength, with the records and the first columns of a line.
    private static func forEach(
        _ results: EvaluationResults,
        _ body: (_ attack: EvaluationPlan.Attack, _ records: [SampleRecord], _ columns: String) -> [String]
    ) -> [String] {
        results.plan.attacks.enumerated().flatMap { number, attack in
            attack.strengths.enumerated().flatMap { place, strength in
                body(
                    attack, results.records(number, strength: place),
                    CSVText.fields(of: [
                        results.subject.checkpoint, attack.specification.verbatim, plainDecimal(strength),
                    ]))
            }
        }
    }

    /// A line for each class: the samples of that label.
    private static func classes(_ results: EvaluationResults) -> [String] {
        forEach(results) { attack, records, columns in
            guard !attack.isNonsense else { return [] }
            return (0..<results.subject.classes).compactMap { label in
                let own = zip(records, results.subject.labels).filter { Int($0.1) == label }.map(\.0)
                guard !own.isEmpty else { return nil }
                let confidence = own.reduce(0) { $0 + Double($1.confidence) } / Double(own.count)
                return "\(columns),\(label),\(own.count),"
                    + shares(own, own.map { _ in UInt8(label) }, isNonsense: false) + "," + decimal(confidence)
            }
        }
    }

    /// A line for each pair of label and prediction that occurs.
    private static func confusion(_ results: EvaluationResults) -> [String] {
        forEach(results) { attack, records, columns in
            guard !attack.isNonsense else { return [] }
            let counts = zip(records, results.subject.labels).reduce(into: [SIMD2<Int>: Int]()) {
                $0[SIMD2(Int($1.1), Int($1.0.prediction)), default: 0] += 1
            }
            return counts.sorted { ($0.key.x, $0.key.y) < ($1.key.x, $1.key.y) }
                .map { "\(columns),\($0.key.x),\($0.key.y),\($0.value)" }
        }
    }

    /// The worst case over all attacks in the ball, and over all on images.
    private static func worst(_ results: EvaluationResults) -> [String] {
        let strengths = Set(results.plan.attacks.flatMap(\.strengths)).sorted()
        let sets: [(String, (EvaluationPlan.Attack) -> Bool)] = [("ball", \.staysInBall), ("all", { _ in true })]
        return sets.flatMap { name, isIn in
            strengths.compactMap { strength -> String? in
                guard let worst = WorstCase(results, strength: strength, isIn: isIn) else { return nil }
                return CSVText.fields(of: [
                    results.subject.checkpoint, name, plainDecimal(strength), worst.attacks.joined(separator: " "),
                ])
                    + ",\(worst.records.count)," + shares(worst.records, results.subject.labels, isNonsense: false)
                    + "," + CSVText.fields(of: [worst.strongest]) + ",\(decimal(worst.strongestError))"
            }
        }
    }

    /// How far the samples were moved: all of them, and those on which the attack succeeded.
    private static func distances(_ results: EvaluationResults) -> [String] {
        forEach(results) { attack, records, columns in
            let broken = zip(records, results.subject.labels).filter {
                $0.0.severity(label: attack.isNonsense ? nil : Int($0.1)) > 0
            }.map(\.0)
            return [("all", records), ("broken", broken)].filter { !$0.1.isEmpty }.map { name, records in
                let means = [\SampleRecord.linf, \.l2, \.l1].map { path in
                    records.reduce(0) { $0 + Double($1[keyPath: path]) } / Double(records.count)
                }
                let squares = records.reduce(0) { $0 + Double($1.l2) * Double($1.l2) } / Double(records.count)
                let root = (squares / Double(results.subject.imageCount)).squareRoot()
                let psnr = root > 0 ? fixed(-20 * log10(root), 2) : "inf"
                return "\(columns),\(records.count),\(name)," + means.map(decimal).joined(separator: ",") + ",\(psnr)"
            }
        }
    }

    private static func parts(_ results: EvaluationResults) -> [String] {
        results.plan.attacks.enumerated().flatMap { number, attack in
            attack.partNames.indices.flatMap { results.rows(number, part: $0).map(\.line) }
        }
    }

    /// At the threshold that keeps 99 % of the clean images; nonsense also as what has to be told from clean images.
    private static func rejection(_ results: EvaluationResults) -> [String] {
        guard let clean = results.plan.attacks.firstIndex(where: { $0.isClean }) else {
            return []
        }
        let scores = results.records(clean, strength: 0).map(\.classConfidence)
        let threshold = Detection.threshold(keeping: 0.99, of: scores)
        return forEach(results) { attack, records, columns in
            let isComparable = attack.isNonsense && !scores.isEmpty && !records.isEmpty
            let detection = isComparable ? Detection(in: scores, out: records.map(\.classConfidence)) : nil
            let figures = detection.map {
                [$0.auroc, $0.falsePositiveRate, $0.averagePrecisionIn, $0.averagePrecisionOut].map(decimal)
            }
            let judged = records.map { record in
                var record = record
                if record.classConfidence < threshold { record.outcome = Outcome.rejected.rawValue }
                return record
            }
            return [
                "\(columns),\((figures ?? ["", "", "", ""]).joined(separator: ",")),"
                    + String(format: "%.9g", threshold) + ","
                    + shares(judged, results.subject.labels, isNonsense: attack.isNonsense)
            ]
        }
    }

    private static func riskCoverage(_ results: EvaluationResults) -> [String] {
        forEach(results) { attack, records, columns in
            guard !attack.isNonsense else { return [] }
            let curve = RiskCoverage(
                zip(records, results.subject.labels).map { ($0.classConfidence, Int($0.prediction) != Int($1)) })
            return [0.5, 0.8, 0.9, 0.95, 1].map {
                "\(columns),\(plainDecimal($0)),\(decimal(curve.risk(at: $0))),\(decimal(curve.area))"
            }
        }
    }

    /// error, wrong, rejected as in `summary.csv`.
    private static func shares(_ records: [SampleRecord], _ labels: [UInt8], isNonsense: Bool) -> String {
        let row = SummaryRow(
            checkpoint: "", dataset: "", attack: "", strength: 0, isNonsense: isNonsense, labels: labels,
            records: records)
        return [row.error, row.wrong, row.rejected].map(decimal).joined(separator: ",")
    }

    private static func decimal(_ value: Double) -> String { fixed(value, 6) }
}
