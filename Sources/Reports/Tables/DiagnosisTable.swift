import Foundation
import Robustness

/// The masking verdicts, from `diagnosis.csv`.
enum DiagnosisTable {
    /// One table; none where nothing was diagnosed.
    static func tables(_ models: [EvaluatedModel]) -> [Table] {
        let rows = models.flatMap { model in model.networks.flatMap { verdicts(model, $0) } }
        guard !rows.isEmpty else { return [] }
        return [
            Table(
                name: "masking", title: "Verdicts on masked gradients",
                caption:
                    "A decisive flag that is raised makes the verdict; the others advise. Figures of all flags: "
                    + "diagnosis.csv of each evaluation.",
                columns: ["model", "data", "seed", "radius", "masked?", "verdict", "raised"], rows: rows)
        ]
    }

    private static func verdicts(_ model: EvaluatedModel, _ network: EvaluatedNetwork) -> [[Table.Cell]] {
        network.folders.compactMap { folder in
            let lines = CSVFile.rows("\(folder)/\(Diagnosis.file)").filter {
                $0.count == 7 && $0[0] == network.checkpoint
            }
            guard let strength = lines.first.flatMap({ Double($0[1]) }) else { return nil }
            let figures = Dictionary(
                lines.compactMap { line in
                    MaskingFlag(rawValue: line[2]).flatMap { flag in Double(line[3]).map { (flag, $0) } }
                }, uniquingKeysWith: { first, _ in first })
            // Diagnoses of earlier versions do not count the samples.
            let right = lines.first { $0[2] == Diagnosis.rightUnattacked }.flatMap { Int($0[3]) }
            let diagnosis = Diagnosis(
                strength: strength, samples: 0, right: right ?? Diagnosis.firm, figures: figures)
            let raised = MaskingFlag.allCases.filter(diagnosis.isRaised).map(\.rawValue)
            return [
                Table.Cell(model.label), Table.Cell(model.dataset),
                Table.Cell(network.identity.seed.map(String.init) ?? ""),
                Table.Cell(plainDecimal(strength)),
                Table.Cell(
                    !diagnosis.hasVerdict ? "none" : diagnosis.isMasked ? "masked" : "not masked",
                    mark: !diagnosis.hasVerdict ? .plain : diagnosis.isMasked ? .worse : .better),
                Table.Cell(diagnosis.verdict.replacingOccurrences(of: "verdict: ", with: ""), mark: .text),
                Table.Cell(raised.isEmpty ? "none" : raised.joined(separator: ", "), mark: .text),
            ]
        }
    }
}
