import Foundation

/// Lines of comma-separated values.
enum CSVText {
    /// The fields of a line; those in quotation marks hold commas, and a doubled mark for one.
    static func fields(_ line: some StringProtocol) -> [String] {
        var fields = [""]
        var isQuoted = false
        var previous: Character?
        for character in line {
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
}

/// A CSV file that may be there beside `summary.csv`.
enum CSVFile {
    /// The fields of its lines but the first; none where there is no such file.
    static func rows(_ path: String) -> [[String]] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst().map { CSVText.fields($0) }
    }
}
