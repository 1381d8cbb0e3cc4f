import Essentials

/// An attack as it is asked for: `NAME[:key=value]...`.
public struct AttackSpecification: Hashable, Sendable {
    /// The text as given; the name of the attack's rows and groups in all results.
    public let verbatim: String
    /// The attack's name.
    public let name: String
    /// Its parameters.
    public let parameters: [String: String]

    /// Reads a comma-separated list.
    ///
    /// - Throws: `Failure` 64 for an empty list, an attack asked for twice, or a malformed parameter.
    public static func list(_ text: String) throws -> [AttackSpecification] {
        let items = try text.split(separator: ",", omittingEmptySubsequences: false).map {
            try AttackSpecification(String($0))
        }
        for (index, item) in items.enumerated() where items[..<index].contains(where: { $0.verbatim == item.verbatim })
        {
            throw Failure(.usage, "--attacks names '\(item.verbatim)' twice: name it once")
        }
        return items
    }

    /// Reads one attack; whether it exists is the catalogue's business.
    public init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        verbatim = text
        name = parts[0]
        guard !name.isEmpty, !text.contains("/") else {
            throw Failure(
                .usage, "--attacks has '\(text)' for an attack: write NAME[:key=value]..., separated by commas")
        }
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, !pair[0].isEmpty, !pair[1].isEmpty, parameters[pair[0]] == nil else {
                throw Failure(.usage, "attack '\(text)': '\(part)' is no parameter; write key=value, each key once")
            }
            parameters[pair[0]] = pair[1]
        }
        self.parameters = parameters
    }

    /// The value of a parameter that takes one of some words, the first of them by default.
    func choice<Word: RawRepresentable & CaseIterable>(_ key: String, _: Word.Type) throws -> Word
    where Word.RawValue == String {
        let words = Word.allCases.map(\.rawValue)
        guard let text = parameters[key] ?? words.first, let word = Word(rawValue: text) else {
            throw Failure(
                .usage, "attack '\(verbatim)': " + unknownName("value of \(key)", parameters[key] ?? "", among: words))
        }
        return word
    }

    /// Refuses parameters other than `known`.
    func allow(_ known: [String]) throws {
        for key in parameters.keys.sorted() where !known.contains(key) {
            throw Failure(
                .usage,
                known.isEmpty
                    ? "attack '\(verbatim)': \(name) takes no parameters"
                    : "attack '\(verbatim)': " + unknownName("parameter", key, among: known))
        }
    }
}
