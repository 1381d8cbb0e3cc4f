import Essentials
import Foundation
import HDF5Files

/// The names of a data set's classes as an attribute of a file: a JSON array of texts.
public enum ClassNames {
    /// The name of the attribute.
    public static let attribute = "class_names"

    /// The attribute's text.
    public static func text(_ names: [String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(names)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    /// The names in an attribute's text.
    ///
    /// - Throws: `Failure` 65 where it is no JSON array of a text for each class.
    public static func read(_ text: String, classes: Int) throws -> [String] {
        guard let names = try? JSONDecoder().decode([String].self, from: Data(text.utf8)), names.count == classes else {
            throw Failure(.data, "its attribute '\(attribute)' is no JSON array of \(classes) texts")
        }
        return names
    }

    /// The names that a file of results holds for its classes; nil where there are none that fit.
    public static func read(_ attributes: [String: HDF5Attribute]) -> [String]? {
        guard case .string(let text) = attributes[attribute], case .int64(let classes) = attributes["classes"] else {
            return nil
        }
        return try? read(text, classes: Int(clamping: classes))
    }

    /// A class as people call it: by its name where it has one, by its number else; `nonsense` for an output behind the
    /// classes.
    public static func title(_ output: Int, of names: [String]?, classes: Int) -> String {
        guard output < classes else { return "nonsense" }
        return names.flatMap { $0.indices.contains(output) ? $0[output] : nil } ?? "\(output)"
    }
}
