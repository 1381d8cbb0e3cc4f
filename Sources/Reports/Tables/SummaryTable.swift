import Foundation
import Robustness

/// The rows of a summary as people read them: a table for each checkpoint and data set, a strength a row, an attack a column.
public struct SummaryTable: CustomStringConvertible {
    private let rows: [SummaryRow]

    /// The table of some rows of `summary.csv`.
    public init(_ rows: [SummaryRow]) { self.rows = rows }

    /// The text, a line each, without a newline at the end.
    public var description: String {
        unique(rows.map(\.checkpoint)).flatMap { checkpoint in
            let ofCheckpoint = rows.filter { $0.checkpoint == checkpoint }
            return unique(ofCheckpoint.map(\.dataset)).map { dataset in
                let own = ofCheckpoint.filter { $0.dataset == dataset }
                return "\(checkpoint), \(samples(shown(own))) of \(dataset): error (share rejected)\n" + table(own)
            }
        }.joined(separator: "\n\n")
    }

    /// The row of each attack and strength that a cell shows: that of the most samples.
    private func shown(_ rows: [SummaryRow]) -> [SummaryRow] {
        struct Cell: Hashable { let attack: String, strength: Double }
        let cells = Dictionary(grouping: rows) { Cell(attack: $0.attack, strength: $0.strength) }
        return cells.values.compactMap { own in own.max { $0.samples < $1.samples } }
    }

    /// `100 samples`, or `100 to 300 samples` where the cells are not of equal size.
    private func samples(_ rows: [SummaryRow]) -> String {
        let counts = rows.map(\.samples)
        let (fewest, most) = (counts.min() ?? 0, counts.max() ?? 0)
        return fewest == most ? "\(most) samples" : "\(fewest) to \(most) samples"
    }

    private func table(_ rows: [SummaryRow]) -> String {
        let shown = shown(rows)
        let attacks = unique(rows.map(\.attack))
        let isEqual = Set(shown.map(\.samples)).count < 2
        // Attacks on other numbers of samples than the headline's say theirs.
        func heading(_ attack: String) -> String {
            guard !isEqual else { return attack }
            let counts = Set(shown.filter { $0.attack == attack }.map(\.samples)).sorted()
            return "\(attack) [\(counts.map(String.init).joined(separator: ", "))]"
        }
        let headings = attacks.map(heading)
        var lines = [right("strength", 8) + headings.map { right($0, width($0)) }.joined()]
        for strength in Set(rows.map(\.strength)).sorted() {
            let cells = zip(attacks, headings).map { attack, heading in
                let row = shown.first { $0.attack == attack && $0.strength == strength }
                return right(row.map { "\(number($0.error, 3)) (\(number($0.rejected, 3)))" } ?? "", width(heading))
            }
            lines.append(right(number(strength, 3), 8) + cells.joined())
        }
        return lines.joined(separator: "\n")
    }

    private func width(_ heading: String) -> Int { max(15, heading.count + 2) }
    private func number(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    private func unique(_ names: [String]) -> [String] {
        names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
