/// The values that a key allows, as refusals, the reference and the schema tell them.
indirect enum RecipeRange: Sendable, CustomStringConvertible {
    case integer(ClosedRange<Int>)
    case seed
    case real(RecipeInterval)
    case words([String])
    case text
    case list(RecipeRange, count: Int?)
    case oneOrList(RecipeRange)
    case optional(RecipeRange)
    case layers
    case rates(RecipeInterval)

    var description: String {
        switch self {
        case .integer(let range): "a whole number, \(range.lowerBound) to \(range.upperBound)"
        case .seed: "a whole number, 0 to \(UInt64.max)"
        case .real(let interval): "a number, \(interval)"
        case .words(let words): words.joined(separator: ", ")
        case .text: "a text of 1 to 4096 bytes"
        case .list(.text, _): "a list of names"
        case .list(.real(let interval), let count):
            "a list of \(count.map { "\($0) " } ?? "")numbers, each \(interval)"
        case .list(let range, _): "a list, each \(range)"
        case .oneOrList(let range): "\(range), or a list of such"
        case .optional(let range): range.description
        case .layers: "a list of 1 to 1000 layers"
        case .rates(let interval): "names of layers and parameters, each with a number, \(interval)"
        }
    }
}

/// An interval of numbers.
struct RecipeInterval: Sendable, CustomStringConvertible {
    let low, high: Double
    /// The bounds that are not in the interval.
    let excludesLow, excludesHigh: Bool

    static func closed(_ low: Double, _ high: Double) -> RecipeInterval {
        RecipeInterval(low: low, high: high, excludesLow: false, excludesHigh: false)
    }
    static func from(_ low: Double, below high: Double) -> RecipeInterval {
        RecipeInterval(low: low, high: high, excludesLow: false, excludesHigh: true)
    }
    static func above(_ low: Double, upTo high: Double) -> RecipeInterval {
        RecipeInterval(low: low, high: high, excludesLow: true, excludesHigh: false)
    }

    func contains(_ value: Double) -> Bool {
        (excludesLow ? value > low : value >= low) && (excludesHigh ? value < high : value <= high)
    }

    var description: String {
        let (low, high) = (Self.plain(low), Self.plain(high))
        return excludesLow
            ? "above \(low), up to \(high)" : excludesHigh ? "\(low) to below \(high)" : "\(low) to \(high)"
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? value.description
    }
}

/// A kind of value: the YAML that it is read from and written as, and what it allows.
struct RecipeValue<Value>: Sendable {
    let range: RecipeRange
    /// The value of a node, or nil where it is none or not allowed.
    let read: @Sendable (RecipeNode) -> Value?
    let write: @Sendable (Value) -> RecipeNode
    /// `null` stands for the default.
    var ignoresNull = false

    /// A value that may be absent: `null`.
    static func optional<Wrapped>(_ kind: RecipeValue<Wrapped>) -> Self where Value == Wrapped? {
        RecipeValue(range: .optional(kind.range)) { node in
            node.isNull ? .some(nil) : kind.read(node).map { .some($0) }
        } write: {
            $0.map(kind.write) ?? .null
        }
    }

    /// A list.
    static func list<Element>(_ kind: RecipeValue<Element>, count: Int? = nil, orEmpty: Bool = false) -> Self
    where Value == [Element] {
        RecipeValue(range: .list(kind.range, count: count)) { node in
            guard let elements = node.elements, count == nil || elements.count == count, orEmpty || !elements.isEmpty
            else { return nil }
            let values = elements.compactMap(kind.read)
            return values.count == elements.count ? values : nil
        } write: {
            .list($0.map(kind.write))
        }
    }

    /// One value, or a list of them.
    static func oneOrList<Element>(_ kind: RecipeValue<Element>) -> Self where Value == [Element] {
        let list = RecipeValue.list(kind)
        return RecipeValue(range: .oneOrList(kind.range)) { node in
            node.elements == nil ? kind.read(node).map { [$0] } : list.read(node)
        } write: {
            $0.count == 1 ? kind.write($0[0]) : list.write($0)
        }
    }

    /// A list where `null` stands for the default.
    var orDefault: Self {
        var kind = self
        kind.ignoresNull = true
        return kind
    }
}

extension RecipeValue<Int> {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        RecipeValue(range: .integer(range)) { node in
            node.word.flatMap { Int($0.filter { $0 != "_" }) }.flatMap { range.contains($0) ? $0 : nil }
        } write: {
            .number($0)
        }
    }
}

extension RecipeValue<UInt64> {
    static var seed: Self {
        RecipeValue(range: .seed) {
            $0.word.flatMap { UInt64($0) }
        } write: {
            .number($0)
        }
    }
}

extension RecipeValue<Double> {
    static var fraction: Self { .real(.closed(0, 1)) }
    static func real(_ interval: RecipeInterval) -> Self {
        RecipeValue(range: .real(interval)) { node in
            node.real.flatMap { interval.contains($0) ? $0 : nil }
        } write: {
            .number($0)
        }
    }
}

extension RecipeValue<Bool> {
    static var flag: Self {
        RecipeValue(range: .words(["true", "false"])) {
            $0.flag
        } write: {
            .word($0 ? "true" : "false")
        }
    }
    /// A flag that is written as `off` or `on`.
    static var offOrOn: Self {
        RecipeValue(range: .words(["off", "on"])) {
            $0.flag
        } write: {
            .word($0 ? "on" : "off")
        }
    }
}

extension RecipeValue<String> {
    static var text: Self {
        RecipeValue(range: .text) { node in
            node.text.flatMap {
                !$0.isEmpty && $0.utf8.count <= 4096 && !$0.unicodeScalars.contains("\0") ? $0 : nil
            }
        } write: {
            .text($0)
        }
    }
    static var name: Self {
        RecipeValue(range: .text) { node in
            node.text.flatMap { $0.isEmpty ? nil : $0 }
        } write: {
            .text($0)
        }
    }
}

extension RecipeValue where Value: RawRepresentable<String> & Sendable {
    /// A word of a fixed list. Where `off` or `on` is one, so is `false` or `true`, as YAML 1.1 reads them.
    static func choice(among values: [Value]) -> Self {
        let names = values.map(\.rawValue)
        return RecipeValue(range: .words(names)) { node in
            let flag = node.flag.map { $0 ? "on" : "off" }.flatMap { names.contains("off") ? $0 : nil }
            let words = [flag, node.text].compactMap { $0 }
            return words.first { names.contains($0) }.flatMap { Value(rawValue: $0) }
        } write: {
            .word($0.rawValue)
        }
    }
}

extension RecipeValue where Value: RawRepresentable<String> & Sendable & CaseIterable {
    static var choice: Self { choice(among: Array(Value.allCases)) }
}
