import Foundation
import Robustness

/// The rows of a summary as people read them: a table for each checkpoint, an attack a row, a strength a column.
struct SummaryTable: CustomStringConvertible {
    private let rows: [SummaryRow]

    init(_ rows: [SummaryRow]) { self.rows = rows }

    var description: String {
        unique(rows.map(\.checkpoint)).map { checkpoint in
            let own = rows.filter { $0.checkpoint == checkpoint }
            let samples = own.first?.samples ?? 0
            return "\(checkpoint), \(samples) samples of \(own.first?.dataset ?? ""): error (wrong / rejected)\n" + table(own)
        }.joined(separator: "\n\n")
    }

    private func table(_ rows: [SummaryRow]) -> String {
        let strengths = Set(rows.map(\.strength)).sorted()
        let attacks = unique(rows.map(\.attack))
        let width = max(14, (attacks.map(\.count).max() ?? 0) + 2)
        var lines = [left("strength", width) + strengths.map { right(number($0, 3), 20) }.joined()]
        for attack in attacks {
            let cells = strengths.map { strength in
                let row = rows.first { $0.attack == attack && $0.strength == strength }
                return right(row.map { "\(number($0.error, 3)) (\(number($0.wrong, 3)) / \(number($0.rejected, 3)))" } ?? "", 20)
            }
            lines.append(left(attack, width) + cells.joined())
        }
        // At most six strengths beside each other.
        guard strengths.count > 6 else { return lines.joined(separator: "\n") }
        return stride(from: 0, to: strengths.count, by: 6).map { first in
            lines.map { line in
                let start = line.index(line.startIndex, offsetBy: width + first * 20)
                let end = line.index(line.startIndex, offsetBy: width + min(first + 6, strengths.count) * 20)
                return line.prefix(width) + line[start..<end]
            }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private func number(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
    private func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    private func unique(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
