import Essentials
import Foundation

/// The findings of a benchmark: lines for people, and one JSON object.
public struct BenchmarkReport {
    /// Lines for people.
    public internal(set) var lines: [String] = []
    /// The figures.
    public internal(set) var json = JSONLine()

    /// Adds a table: a name and numbers in columns of a fixed width.
    mutating func addTable(_ headings: [String], _ rows: [(name: String, cells: [String])]) {
        let nameWidth = max(headings[0].count, rows.map(\.name.count).max() ?? 0)
        let widths = headings.indices.dropFirst().map { column in
            max(headings[column].count, rows.map { $0.cells[column - 1].count }.max() ?? 0) + 2
        }
        func line(_ name: String, _ cells: [String]) -> String {
            name + String(repeating: " ", count: nameWidth - name.count)
                + zip(cells, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined()
        }
        lines.append(line(headings[0], Array(headings.dropFirst())))
        lines += rows.map { line($0.name, $0.cells) }
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
package func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// A number with a fixed number of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

extension JSONLine {
    /// Adds `{"median":, "best":}` of rates.
    mutating func addRates(_ key: String, _ rates: [Double]) {
        var object = JSONLine()
        object.add("median", median(rates))
        object.add("best", rates.max() ?? 0)
        add(key, object)
    }
}
