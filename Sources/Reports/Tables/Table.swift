import Essentials
import Foundation
import Robustness

/// A table of the report: the same cells as HTML, CSV and Markdown.
package struct Table {
    /// How a cell stands beside what it is compared with.
    package enum Mark: String {
        case plain, better, worse, within, strong, text
    }

    /// A cell.
    package struct Cell: ExpressibleByStringLiteral {
        /// The text; may be empty.
        package let text: String
        /// In small type below it; in CSV a column of its own.
        package let note: String
        /// How it stands.
        package let mark: Mark

        package init(_ text: String, note: String = "", mark: Mark = .plain) {
            (self.text, self.note, self.mark) = (text, note, mark)
        }
        package init(stringLiteral text: String) { self.init(text) }
    }

    /// The name of its files.
    package let name: String
    /// The subject.
    package let title: String
    /// The caption, in sentences.
    package let caption: String
    /// Headings above several columns each: their text and number; empty for none.
    package let groups: [(title: String, columns: Int)]
    /// The headings.
    package let columns: [String]
    /// The heading of a column's notes, in CSV.
    package let noteTitle: String
    /// Other headings of notes, by the column's heading.
    package let noteTitles: [String: String]
    /// True where a click on a heading sorts the rows.
    package let isSortable: Bool
    /// The cells, each row as many as there are columns.
    package let rows: [[Cell]]

    /// Makes a table.
    package init(
        name: String, title: String, caption: String, groups: [(title: String, columns: Int)] = [], columns: [String],
        noteTitle: String = "range", noteTitles: [String: String] = [:], isSortable: Bool = false,
        rows: [[Cell]]
    ) {
        (self.name, self.title, self.caption, self.groups) = (name, title, caption, groups)
        (self.columns, self.noteTitle, self.noteTitles, self.rows) = (columns, noteTitle, noteTitles, rows)
        self.isSortable = isSortable
    }

    /// The headings with those above them.
    private var fullColumns: [String] {
        guard !groups.isEmpty else { return columns }
        let above = groups.flatMap { group in [String](repeating: group.title, count: group.columns) }
        return zip(above, columns).map { $0.isEmpty ? $1 : "\($0) \($1)" }
    }

    private func columnHeading(_ column: Int, _ title: String) -> HTML {
        let isText = rows.contains { $0[column].mark == .text }
        return "<th scope=\"col\" class=\"\(isText ? "text" : "")\">\(title)</th>"
    }

    /// True where it takes the page's whole width.
    private var isWide: Bool { columns.count > 11 || rows.contains { $0.contains { $0.mark == .text } } }

    /// As CSV, a column for the notes of each column that has any.
    package var csv: String {
        let noted = columns.indices.filter { column in rows.contains { !$0[column].note.isEmpty } }
        func line(_ texts: [String]) -> String { CSVText.fields(of: texts) }
        let heading = fullColumns.enumerated().flatMap {
            noted.contains($0) ? [$1, "\($1) \(noteTitles[columns[$0]] ?? noteTitle)"] : [$1]
        }
        let lines = rows.map { row in
            line(row.enumerated().flatMap { noted.contains($0) ? [$1.text, $1.note] : [$1.text] })
        }
        return ([line(heading)] + lines).joined(separator: "\n") + "\n"
    }

    /// As a section of a Markdown file.
    package var markdown: String {
        func line(_ texts: [String]) -> String { "| " + texts.map(Self.markdown).joined(separator: " | ") + " |" }
        let lines = rows.map { row in line(row.map { $0.note.isEmpty ? $0.text : "\($0.text) (\($0.note))" }) }
        let rule = "|" + columns.map { _ in "---|" }.joined()
        return "### \(Self.markdown(title))\n\n" + ([line(fullColumns), rule] + lines).joined(separator: "\n")
            + "\n\n\(Self.markdown(caption))\n"
    }

    /// As a figure of the page, which scrolls sideways where it is too wide.
    package var html: HTML {
        let above: HTML =
            groups.isEmpty
            ? ""
            : "<tr>\(.joined(groups.map { "<th colspan=\"\($0.columns)\" scope=\"colgroup\">\($0.title)</th>" }))</tr>"
        let heading: HTML = "<tr>\(.joined(columns.enumerated().map { columnHeading($0, $1) }))</tr>"
        let body: [HTML] = rows.map { row in
            let cells: [HTML] = row.enumerated().map { column, cell in
                let note: HTML = cell.note.isEmpty ? "" : "<small>\(cell.note)</small>"
                guard column > 0 else { return "<th scope=\"row\">\(cell.text)\(note)</th>" }
                return "<td class=\"\(cell.mark.rawValue)\">\(cell.text)\(note)</td>"
            }
            return "<tr>\(.joined(cells))</tr>"
        }
        return """
            <figure class="table\(isWide ? " wide" : "")" id="\(name)"><h4>\(title)</h4><div class="scroll">
            <table class="\(isSortable ? "sortable" : "plain")"><thead>\(above)\(heading)</thead><tbody>\
            \(.joined(body))</tbody></table></div><figcaption>\(caption)</figcaption></figure>
            """
    }

    private static func markdown(_ text: String) -> String {
        text.map { "\\|<>*_`[]".contains($0) ? "\\\($0)" : $0.isNewline ? " " : "\($0)" }.joined()
    }
}

/// An error for people: three decimals.
package func decimal(_ value: Double) -> String { fixed(value, 3) }
/// A difference of errors for people.
package func signed(_ value: Double) -> String {
    // Not -0.000.
    abs(value) < 0.0005 ? "0.000" : String(format: "%+.3f", value)
}
