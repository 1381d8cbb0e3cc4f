import Essentials
import Yams

// Text -> RecipeNode. Texts come from people: nothing in them may stop the process or make it busy for long.

extension RecipeNode {
    /// The most bytes of a recipe's text.
    static let largestText = 1 << 20

    /// Reads a YAML document; an empty one is null.
    ///
    /// - Throws: `Failure` 64 with the origin and the line: no YAML, a key given twice, an anchor or alias, more than 1
    ///   MiB.
    init(yaml: String, origin: String) throws {
        guard yaml.utf8.count <= Self.largestText else {
            throw Failure(.usage, "\(origin): more than 1 MiB is not a recipe")
        }
        // The parser expands aliases while it looks for keys given twice, where few of them make endless work.
        guard Self.aliasCount(yaml) <= 8 else { throw Self.aliases(origin) }
        do {
            // Without rules every tag is that of a text: what a scalar means depends on the key it is given for.
            let parser = try Parser(yaml: yaml, resolver: .basic, encoding: .utf8)
            let root = try parser.singleRoot()
            // An anchor lives as long as its parser.
            self = try withExtendedLifetime(parser) {
                try root.map { try Self.convert($0, origin: origin) } ?? Self.null.said(at: origin)
            }
        } catch let error as YamlError {
            let lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).count
            throw Failure(.usage, "\(origin): \(Self.sentence(error, lines: lines))")
        }
    }

    private static func convert(_ node: Node, origin: String) throws -> RecipeNode {
        guard node.anchor == nil else { throw aliases(origin) }
        switch node {
        case .scalar(let scalar):
            return RecipeNode(
                content: .scalar(scalar.string, quoted: scalar.style != .plain && scalar.style != .any), origin: origin)
        case .sequence(let elements):
            return RecipeNode(content: .list(try elements.map { try convert($0, origin: origin) }), origin: origin)
        case .mapping(let mapping):
            var keys = Set<String>()
            let entries = try mapping.map { entry in
                let value = try convert(entry.value, origin: origin)
                guard entry.key.anchor == nil else { throw aliases(origin) }
                guard let key = entry.key.scalar?.string else {
                    throw Failure(.usage, "\(origin): line \(entry.key.mark?.line ?? 1): a key has to be one word")
                }
                guard keys.insert(key).inserted else {
                    throw Failure(.usage, "\(origin): key '\(shortened(key))' is given twice")
                }
                return (key: key, value: value)
            }
            return RecipeNode(content: .mapping(entries), origin: origin)
        case .alias: throw aliases(origin)
        }
    }

    /// How often a `*` stands where an alias may begin: before a letter, a digit, `-` or `_`.
    private static func aliasCount(_ yaml: String) -> Int {
        let names = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        return zip(yaml.utf8, yaml.utf8.dropFirst()).reduce(0) { count, pair in
            pair.0 == UInt8(ascii: "*") && names.contains(pair.1) ? count + 1 : count
        }
    }

    private static func aliases(_ origin: String) -> Failure {
        Failure(.usage, "\(origin): a recipe has no anchors (&) and aliases (*); write the values out")
    }

    /// The error in one of the text's lines; the parser counts one more where the text ends too early.
    private static func sentence(_ error: YamlError, lines: Int) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(min(mark.line, max(1, lines))): not YAML: \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            "line \(context.mark.line): key '\(shortened(keys.first ?? ""))' is given twice"
        case .reader(let problem, _, _, _): "not YAML: \(problem)"
        default: "not YAML"
        }
    }
}

/// A text for a sentence: at most 60 characters, on one line.
package func shortened(_ text: String) -> String {
    let line = text.prefix(61).map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 32 } ? " " : String($0) }
    return line.count > 60 ? line.prefix(57).joined() + "..." : line.joined()
}
