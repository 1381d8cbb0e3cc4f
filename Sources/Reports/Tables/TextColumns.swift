/// Rows of texts for a terminal: columns of equal width.
enum TextColumns {
    /// The text, a line each, without a newline at the end.
    ///
    /// - Parameter words: so many first columns are words, which stand to the left; the others numbers, to the right.
    static func text(_ rows: [[String]], words: Int) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let gap = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < words ? cell.0 + gap : gap + cell.0
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
