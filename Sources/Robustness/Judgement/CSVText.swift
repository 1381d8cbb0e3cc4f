import Foundation

/// Records of comma-separated values.
package enum CSVText {
    /// The fields of a record; those in quotation marks hold commas, and a doubled mark for one.
    package static func fields(_ line: some StringProtocol) -> [String] {
        var fields = [""]
        var isQuoted = false
        var previous: Character?
        // Scalars: a carriage return and a newline are one character.
        for scalar in line.unicodeScalars {
            let character = Character(scalar)
            if character == "\"" {
                // Two in a row inside are one.
                if !isQuoted && previous == "\"" { fields[fields.count - 1].append(character) }
                isQuoted.toggle()
            } else if character == "," && !isQuoted {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
            previous = character
        }
        return fields
    }

    /// The records of a text, without the newline at the end of each; a newline in quotation marks ends none. What
    /// stands behind the last newline is left out: it is no whole record.
    package static func records(_ text: String) -> [String] {
        var records: [String] = []
        var current = String.UnicodeScalarView()
        var isQuoted = false
        for scalar in text.unicodeScalars {
            if scalar == "\"" { isQuoted.toggle() }
            if scalar == "\n", !isQuoted {
                records.append(String(current))
                current = String.UnicodeScalarView()
            } else {
                current.append(scalar)
            }
        }
        return records
    }

    /// Texts as the first fields of a record, quoted where they need it.
    package static func fields(of texts: [String]) -> String {
        texts.map { text in
            guard text.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return text }
            return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
        }.joined(separator: ",")
    }
}
