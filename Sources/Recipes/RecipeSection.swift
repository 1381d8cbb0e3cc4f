import Essentials

/// Numbers that a key allows.
struct RecipeInterval: CustomStringConvertible {
    let description: String
    let contains: @Sendable (Double) -> Bool

    static func closed(_ low: Double, _ high: Double) -> RecipeInterval {
        RecipeInterval(description: "\(plain(low)) to \(plain(high))") { $0 >= low && $0 <= high }
    }
    static func from(_ low: Double, below high: Double) -> RecipeInterval {
        RecipeInterval(description: "\(plain(low)) to below \(plain(high))") { $0 >= low && $0 < high }
    }
    static func above(_ low: Double, upTo high: Double) -> RecipeInterval {
        RecipeInterval(description: "above \(plain(low)), up to \(plain(high))") { $0 > low && $0 <= high }
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? value.description
    }
}

/// A mapping of the recipe as it is read: values by key, checked, with defaults for what is not said. A refusal is one
/// sentence with the origin, the full key, the value and what is allowed.
struct RecipeSection {
    /// What was said; nil or null for nothing.
    let node: RecipeNode?
    /// The dotted key of the mapping, empty for the recipe itself.
    let path: String
    /// The file, for sentences about what was not said.
    let source: String

    /// The value of a key, nil where it is not said.
    func said(_ key: String) -> RecipeNode? { node?[key] }
    /// The dotted name of a key.
    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// `origin: key sentence`.
    func fault(_ key: String, _ sentence: String) -> Failure {
        let origin = said(key)?.origin ?? ""
        return Failure(.usage, "\(origin.isEmpty ? source : origin): \(shortened(name(key))) \(sentence)")
    }
    private func refusal(_ key: String, _ value: RecipeNode, allowed: String) -> Failure {
        fault(key, "is \(value.isNull ? "empty" : shortened(value.flow)); allowed: \(allowed)")
    }

    // MARK: Scalars

    func integer(_ key: String, _ allowed: ClosedRange<Int>, default fallback: Int) throws -> Int {
        guard let value = said(key) else { return fallback }
        return try Self.integer(value, allowed) ?? { throw refusal(key, value, allowed: Self.describe(allowed)) }()
    }
    func optionalInteger(_ key: String, _ allowed: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int? {
        guard let value = said(key) else { return fallback }
        return value.isNull ? nil : try integer(key, allowed, default: 0)
    }
    func integers(_ key: String, _ allowed: ClosedRange<Int>, default fallback: [Int]) throws -> [Int] {
        guard let value = said(key), !value.isNull else { return fallback }
        let numbers = value.elements?.compactMap { Self.integer($0, allowed) }
        guard let numbers, numbers.count == value.elements?.count else {
            throw refusal(key, value, allowed: "a list, each \(Self.describe(allowed))")
        }
        return numbers
    }
    func seed(_ key: String, default fallback: UInt64) throws -> UInt64 {
        guard let value = said(key) else { return fallback }
        return try value.word.flatMap { UInt64($0) }
            ?? { throw refusal(key, value, allowed: "a whole number, 0 to \(UInt64.max)") }()
    }
    func real(_ key: String, _ allowed: RecipeInterval, default fallback: Double) throws -> Double {
        guard let value = said(key) else { return fallback }
        guard let number = value.real, allowed.contains(number) else {
            throw refusal(key, value, allowed: "a number, \(allowed)")
        }
        return number
    }
    func optionalReal(_ key: String, _ allowed: RecipeInterval) throws -> Double? {
        guard let value = said(key), !value.isNull else { return nil }
        return try real(key, allowed, default: 0)
    }
    func reals(_ key: String, _ allowed: RecipeInterval, count: Int? = nil) throws -> [Double]? {
        guard let value = said(key), !value.isNull else { return nil }
        let numbers = value.elements?.compactMap(\.real).filter(allowed.contains)
        guard let numbers, !numbers.isEmpty, numbers.count == value.elements?.count,
            numbers.count == count ?? numbers.count
        else {
            throw refusal(key, value, allowed: "a list of \(count.map { "\($0) " } ?? "")numbers, each \(allowed)")
        }
        return numbers
    }
    func flag(_ key: String, default fallback: Bool) throws -> Bool {
        guard let value = said(key) else { return fallback }
        return try value.flag ?? { throw refusal(key, value, allowed: "true, false") }()
    }
    /// A word of a fixed list. Where `off` or `on` is one, so is `false` or `true`, as YAML 1.1 reads them.
    func choice<Value: RawRepresentable<String>>(
        _ key: String, among values: [Value], default fallback: Value
    ) throws -> Value {
        guard let value = said(key) else { return fallback }
        let names = values.map(\.rawValue)
        let isSwitch = names.contains("off")
        let word =
            value.flag == false && isSwitch
            ? "off" : value.flag == true && names.contains("on") && isSwitch ? "on" : value.text
        if let word, let chosen = Value(rawValue: word), names.contains(word) { return chosen }
        throw refusal(key, value, allowed: names.joined(separator: ", "))
    }
    /// A text that is not empty.
    func text(_ key: String) throws -> String? {
        guard let value = said(key), !value.isNull else { return nil }
        guard let text = value.text, !text.isEmpty, text.utf8.count <= 4096, !text.unicodeScalars.contains("\0") else {
            throw refusal(key, value, allowed: "a text of 1 to 4096 bytes")
        }
        return text
    }
    func texts(_ key: String, default fallback: [String]) throws -> [String] {
        guard let value = said(key) else { return fallback }
        let texts = value.elements?.compactMap(\.text).filter { !$0.isEmpty }
        guard let texts, !texts.isEmpty, texts.count == value.elements?.count else {
            throw refusal(key, value, allowed: "a list of names")
        }
        return texts
    }

    // MARK: Sections

    /// A mapping inside this one.
    func section(_ key: String) throws -> RecipeSection {
        let value = said(key)
        guard value == nil || value?.isNull == true || value?.entries != nil else {
            throw fault(key, "is \(shortened(value?.flow ?? "")); allowed: a mapping of keys to values")
        }
        return RecipeSection(node: value, path: name(key), source: source)
    }
    /// A mapping that may be off: nil for `false` or null, an empty one for `true`.
    func toggle(_ key: String) throws -> RecipeSection? {
        guard let value = said(key), !value.isNull, value.flag != false else { return nil }
        if value.flag == true { return RecipeSection(node: nil, path: name(key), source: source) }
        guard value.entries != nil else {
            throw refusal(key, value, allowed: "true, false, a mapping of keys to values")
        }
        return try section(key)
    }

    private static func integer(_ value: RecipeNode, _ allowed: ClosedRange<Int>) -> Int? {
        value.word.flatMap { Int($0.filter { $0 != "_" }) }.flatMap { allowed.contains($0) ? $0 : nil }
    }
    private static func describe(_ range: ClosedRange<Int>) -> String {
        "a whole number, \(range.lowerBound) to \(range.upperBound)"
    }
}

// MARK: - Unknown keys

extension RecipeNode {
    /// Refuses keys that `schema` does not have, all levels down. Lists, and the open keys of `layer_rates`, are left.
    func checkKeys(against schema: RecipeNode, path: String = "", all: RecipeNode? = nil) throws {
        guard let entries, let known = schema.entries else { return }
        if path == "layer_rates" {
            // No network has so many; looking each of them up would take long.
            guard entries.count <= 10_000 else {
                throw Failure(.usage, "\(origin): layer_rates has \(entries.count) keys; allowed: at most 10000")
            }
            return
        }
        for (key, value) in entries {
            let prefix = path.isEmpty ? "" : path + "."
            guard let inner = schema[key] else {
                throw unknownKey(key, prefix: prefix, siblings: known.map(\.key), all: all ?? schema)
            }
            try value.checkKeys(against: inner, path: prefix + key, all: all ?? schema)
        }
    }

    /// Advises the same key elsewhere; a key beside it that begins so, or the nearest one; or lists all keys beside it.
    private func unknownKey(_ key: String, prefix: String, siblings: [String], all: RecipeNode) -> Failure {
        let word = shortened(key)
        let elsewhere = all.dottedKeys().first { $0 == word || $0.hasSuffix("." + word) }
        let longer = word.count > 2 ? siblings.first { $0.hasPrefix(word) } : nil
        let near = (longer ?? nearestName(to: word, among: siblings)).map { prefix + $0 }
        let advice =
            (elsewhere ?? near).map { "did you mean '\($0)'?" } ?? "known: \(siblings.joined(separator: ", "))"
        return Failure(.usage, "\(origin): unknown key '\(prefix)\(word)'; \(advice)")
    }

    /// The keys of all leaves, dotted.
    private func dottedKeys(prefix: String = "") -> [String] {
        (entries ?? []).flatMap { key, value in
            value.entries == nil ? [prefix + key] : value.dottedKeys(prefix: "\(prefix)\(key).")
        }
    }
}
