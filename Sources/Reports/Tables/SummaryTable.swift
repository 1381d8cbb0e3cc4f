import Foundation
import Robustness

/// The rows of a summary as people read them: a table for each checkpoint, a strength a row, an attack a column.
public struct SummaryTable: CustomStringConvertible {
    private let rows: [SummaryRow]

    /// The table of some rows of `summary.csv`.
    public init(_ rows: [SummaryRow]) { self.rows = rows }

    /// The text, a line each, without a newline at the end.
    public var description: String {
        unique(rows.map(\.checkpoint)).map { checkpoint in
            let own = rows.filter { $0.checkpoint == checkpoint }
            let samples = own.first?.samples ?? 0
            return "\(checkpoint), \(samples) samples of \(own.first?.dataset ?? ""): error (share rejected)\n"
                + table(own)
        }.joined(separator: "\n\n")
    }

    private func table(_ rows: [SummaryRow]) -> String {
        let attacks = unique(rows.map(\.attack))
        var lines = [right("strength", 8) + attacks.map { right($0, width($0)) }.joined()]
        for strength in Set(rows.map(\.strength)).sorted() {
            let cells = attacks.map { attack in
                let row = rows.filter { $0.attack == attack && $0.strength == strength }.max { $0.samples < $1.samples }
                return right(row.map { "\(number($0.error, 3)) (\(number($0.rejected, 3)))" } ?? "", width(attack))
            }
            lines.append(right(number(strength, 3), 8) + cells.joined())
        }
        return lines.joined(separator: "\n")
    }

    private func width(_ attack: String) -> Int { max(15, attack.count + 2) }
    private func number(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    private func unique(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
