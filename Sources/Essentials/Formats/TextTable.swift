/// Rows as lines with aligned columns, for a terminal; all rows have as many cells.
///
/// - Parameter words: so many first columns are words, which stand to the left; the others are numbers, to the right.
public func textTable(_ rows: [[String]], words: Int = .max) -> [String] {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let cells = zip(row, widths).enumerated().map { column, cell in
            let gap = String(repeating: " ", count: cell.1 - cell.0.count)
            return column < words ? cell.0 + gap : gap + cell.0
        }
        var line = String(cells.joined(separator: "  ").map { isControl($0) ? "?" : $0 })
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// A text of a file must not move the terminal's cursor.
private func isControl(_ character: Character) -> Bool {
    character.unicodeScalars.contains { $0.properties.generalCategory == .control }
}
