import Essentials
import Foundation
import Robustness

import Reports

/// A row of a summary.
func row(
    _ attack: String, _ strength: Double, _ error: Double, rejected: Double = 0, checkpoint: String = "a.h5",
    dataset: String = "mnist", samples: Int = 1000
) -> SummaryRow {
    SummaryRow(
        checkpoint: checkpoint, dataset: dataset, attack: attack, strength: strength, samples: samples, error: error,
        wrong: error - rejected, rejected: rejected, meanConfidence: 0.9)
}

/// A network with some rows.
func network(_ path: String, _ rows: [SummaryRow], dataset: String = "mnist") -> EvaluatedNetwork {
    EvaluatedNetwork(
        identity: NetworkName(path: path), dataset: dataset, run: nil, checkpoint: path, rows: rows, folders: [])
}

/// Writes an evaluation's summary.
func write(_ rows: [SummaryRow], to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try (([SummaryRow.header] + rows.map(\.line)).joined(separator: "\n") + "\n")
        .write(toFile: folder + "/summary.csv", atomically: true, encoding: .utf8)
}
