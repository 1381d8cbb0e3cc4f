import Essentials
import Foundation

/// An attack as it is asked for: `NAME[:key=value]...`.
public struct AttackSpecification: Hashable, Sendable {
    /// The text as given; the name of the attack's rows and groups in all results.
    public let verbatim: String
    /// The attack's name.
    public let name: String
    /// Its parameters.
    public let parameters: [String: String]

    /// Reads a comma-separated list. Blanks around names, keys and values are left out.
    ///
    /// - Throws: `Failure` 64 for an empty list, an attack asked for twice, or a malformed parameter.
    public static func list(_ text: String) throws -> [AttackSpecification] {
        let items = try text.split(separator: ",", omittingEmptySubsequences: false).map {
            try AttackSpecification(trimmed($0, around: [":", "="]))
        }
        for (index, item) in items.enumerated() where items[..<index].contains(where: { $0.verbatim == item.verbatim })
        {
            throw Failure(.usage, "--attacks names '\(item.verbatim)' twice: name it once")
        }
        return items
    }

    /// Reads a comma-separated list of strengths: numbers in [0, 1], or fractions such as 8/255.
    ///
    /// - Throws: `Failure` 64 for a number that is none, is out of range or is named twice.
    public static func strengths(_ text: String) throws -> [Double] {
        let strengths = try text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            let text = trimmed(item, around: ["/"])
            guard let value = realNumber(text), (0...1).contains(value) else {
                throw Failure(
                    .usage, "--strengths has '\(text)': a strength is a number in [0, 1] or a fraction such as 8/255")
            }
            return value
        }
        guard Set(strengths).count == strengths.count else {
            throw Failure(.usage, "--strengths names a strength twice: name each once")
        }
        return strengths
    }

    /// A text without blanks at its ends and around some marks.
    private static func trimmed(_ text: some StringProtocol, around marks: [Character]) -> String {
        guard let mark = marks.first else { return text.trimmingCharacters(in: .whitespaces) }
        return text.split(separator: mark, omittingEmptySubsequences: false)
            .map { trimmed($0, around: Array(marks.dropFirst())) }.joined(separator: String(mark))
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

    /// The value of a parameter that is a whole number.
    func integer(_ key: String, _ allowed: ClosedRange<Int>, default fallback: Int) throws -> Int {
        guard let text = parameters[key] else { return fallback }
        guard let value = Int(text), allowed.contains(value) else {
            throw refusal(key, text, "a whole number, \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        return value
    }

    /// The value of a parameter that is a number.
    func real(_ key: String, _ allowed: ClosedRange<Double>, default fallback: Double) throws -> Double {
        guard let text = parameters[key] else { return fallback }
        guard let value = Double(text), allowed.contains(value) else {
            throw refusal(
                key, text, "a number, \(plainDecimal(allowed.lowerBound)) to \(plainDecimal(allowed.upperBound))")
        }
        return value
    }

    /// The value of a parameter that is `yes` or `no`.
    func flag(_ key: String, default fallback: Bool) throws -> Bool {
        switch parameters[key] {
        case nil: fallback
        case "yes": true
        case "no": false
        case let text?: throw refusal(key, text, "yes, no")
        }
    }

    private func refusal(_ key: String, _ text: String, _ allowed: String) -> Failure {
        Failure(.usage, "attack '\(verbatim)': \(key) is \(text); allowed: \(allowed)")
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
