import Essentials
import Foundation
import Robustness

/// The rows of one or several `summary.csv`, as parts of one evaluation: an array of jobs writes a file for each.
public struct SummaryFile {
    /// The rows, in the order of the files.
    public private(set) var rows: [SummaryRow] = []
    /// Their lines, as they stand in the files.
    private var lines: [String] = []
    /// Where each row was found first, by checkpoint, data set, attack, strength and number of samples.
    private var places: [[String]: (index: Int, path: String)] = [:]

    /// Without rows.
    public init() {}

    /// Adds the rows of a file. A row that is there already, the same, is passed over.
    ///
    /// - Throws: `Failure` 66 where there is no file (an evaluation that has not ended has none), 65 where it is no
    ///   summary, or says something else of a checkpoint, attack, strength and number of samples than a file before it.
    public mutating func add(contentsOf path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(
                .noInput, "no \(path): name the directory of an evaluation that has ended, or go on with it by --resume"
            )
        }
        let lines = CSVText.records(String(decoding: data, as: UTF8.self))
        guard data.last == UInt8(ascii: "\n"), lines.first == SummaryRow.header else {
            throw Failure(.data, "\(path) is not a whole summary.csv: evaluate again")
        }
        for (number, line) in lines.dropFirst().enumerated() {
            let fields = CSVText.fields(line)
            guard let row = Self.row(fields) else {
                throw Failure(.data, "\(path), line \(number + 2): not a row of a summary: evaluate again")
            }
            let key = [fields[0], fields[1], fields[2], fields[3], fields[5]]
            if let place = places[key] {
                guard self.lines[place.index] == line else {
                    throw Failure(
                        .data,
                        "\(place.path) and \(path) differ in \(fields[2]) at \(fields[3]) on \(fields[0]): they are "
                            + "not parts of one evaluation; name the directories of one")
                }
                continue
            }
            places[key] = (self.lines.count, path)
            self.lines.append(line)
            rows.append(row)
        }
    }

    /// The file of all rows.
    public var text: String { ([SummaryRow.header] + lines).joined(separator: "\n") + "\n" }

    private static func row(_ fields: [String]) -> SummaryRow? {
        guard fields.count == 10, let strength = Double(fields[3]), let samples = Int(fields[5]),
            let error = Double(fields[6]),
            let wrong = Double(fields[7]), let rejected = Double(fields[8]), let confidence = Double(fields[9])
        else { return nil }
        return SummaryRow(
            checkpoint: fields[0], dataset: fields[1], attack: fields[2], strength: strength, samples: samples,
            error: error,
            wrong: wrong, rejected: rejected, meanConfidence: confidence)
    }
}
