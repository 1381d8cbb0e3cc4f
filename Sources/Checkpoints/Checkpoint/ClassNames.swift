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

    /// The label that a network has for each class of another data set, by the classes' names; a class without a name
    /// is called by its number.
    ///
    /// - Parameters:
    ///   - names: the set's classes; nil where they are numbers.
    ///   - own: the network's classes; nil where they are numbers.
    ///   - set: what messages call the set.
    /// - Returns: nil where labels are to be taken as they are: one of the two has no names to compare.
    /// - Throws: `Failure` 65 naming the set's classes that the network has not.
    public static func labels(
        of names: [String]?, in own: [String]?, classes: Int, set: String
    ) throws -> [UInt8]? {
        guard let names else { return nil }
        let known = own ?? (0..<classes).map(String.init)
        let labels = names.compactMap { known.firstIndex(of: $0).flatMap { UInt8(exactly: $0) } }
        guard labels.count < names.count else { return labels }
        guard own != nil else { return nil }
        func list(_ names: [String]) -> String {
            names.prefix(mostListed).joined(separator: ", ") + (names.count > mostListed ? ", ..." : "")
        }
        throw Failure(
            .data,
            "\(set) has classes that the network has not, \(list(names.filter { !known.contains($0) })); the network's "
                + "are \(list(known)): evaluate on images of its classes, called as it calls them")
    }

    /// The classes that a message names.
    private static let mostListed = 10

    /// A class as people call it: by its name where it has one, by its number else; `nonsense` for an output behind the
    /// classes.
    public static func title(_ output: Int, of names: [String]?, classes: Int) -> String {
        guard output < classes else { return "nonsense" }
        return names.flatMap { $0.indices.contains(output) ? $0[output] : nil } ?? "\(output)"
    }
}
