/// Rows as lines with aligned columns, for a terminal; all rows have as many cells.
public func textTable(_ rows: [[String]]) -> [String] {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        var line = String(cells.joined(separator: "  ").map { isControl($0) ? "?" : $0 })
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// A text of a file must not move the terminal's cursor.
private func isControl(_ character: Character) -> Bool {
    character.unicodeScalars.contains { $0.properties.generalCategory == .control }
}
