import Foundation
import Robustness

/// A CSV file that may stand beside `summary.csv`.
enum CSVFile {
    /// The fields of its records but the first; none where there is no such file.
    static func rows(_ path: String) -> [[String]] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return CSVText.records(String(decoding: data, as: UTF8.self)).dropFirst().map { CSVText.fields($0) }
    }
}
