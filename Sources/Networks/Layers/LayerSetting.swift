import Essentials
import Kernels

/// The values that a setting may have, and how they are written.
struct SettingValues<Value> {
    /// The values, for sentences: `a whole number, 1 to 15`.
    let allowed: String
    /// The value of a text; nil where it is none of these values. `path` names the setting.
    let read: (_ text: LayerText, _ path: String) throws -> Value?
    /// The text of a value.
    let text: (Value) -> LayerText
    /// True of these values.
    let contains: (Value) -> Bool
}

extension SettingValues where Value == Int {
    static func integers(_ range: ClosedRange<Int>) -> Self {
        Self(
            allowed: "a whole number, \(range.lowerBound) to \(range.upperBound)",
            read: { text, _ in if case .integer(let number) = text, range.contains(number) { number } else { nil } },
            text: { .integer($0) }, contains: { range.contains($0) })
    }
}

extension SettingValues where Value == Double {
    static func reals(_ range: ClosedRange<Double>) -> Self {
        Self(
            allowed: "a number, \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))",
            read: { text, _ in number(text).flatMap { range.contains($0) ? $0 : nil } },
            text: { .real($0) }, contains: { range.contains($0) })
    }

    private static func plain(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}

extension SettingValues {
    /// A value, or none: `null`.
    static func optional<Wrapped>(_ values: SettingValues<Wrapped>) -> Self where Value == Wrapped? {
        Self(
            allowed: values.allowed,
            read: { text, path in text.isNull ? .some(nil) : try values.read(text, path).map { .some($0) } },
            text: { $0.map(values.text) ?? .null }, contains: { $0.map(values.contains) ?? true })
    }
}

/// A number, whole or not.
private func number(_ text: LayerText) -> Double? {
    switch text {
    case .integer(let number): Double(number)
    case .real(let number): number
    default: nil
    }
}

extension SettingValues where Value == Bool {
    static var flags: Self {
        Self(
            allowed: "true, false", read: { text, _ in if case .flag(let flag) = text { flag } else { nil } },
            text: { .flag($0) }, contains: { _ in true })
    }
}

extension SettingValues where Value == [Float] {
    /// A number for all channels, or a list of one for each.
    static var channels: Self {
        Self(
            allowed: "a number, or a list of one for each channel",
            read: { text, _ in
                guard case .list(let list) = text else { return number(text).map { [Float($0)] } }
                let numbers = list.compactMap(number)
                return numbers.count == list.count && !list.isEmpty ? numbers.map { Float($0) } : nil
            },
            text: { $0.count == 1 ? .real(Double($0[0])) : .list($0.map { .real(Double($0)) }) },
            contains: { !$0.isEmpty && $0.allSatisfy(\.isFinite) })
    }
}

extension SettingValues where Value: RawRepresentable<String> & CaseIterable {
    static var words: Self {
        Self(
            allowed: Value.allCases.map(\.rawValue).joined(separator: ", "),
            read: { text, _ in if case .word(let word) = text { Value(rawValue: word) } else { nil } },
            text: { .word($0.rawValue) }, contains: { _ in true })
    }
}

extension SettingValues where Value == Extent {
    /// Rows and columns: one number for both, or a list of two.
    static func extents(_ range: ClosedRange<Int>) -> Self {
        let contains: (Extent) -> Bool = { range.contains($0.height) && range.contains($0.width) }
        return Self(
            allowed: "a whole number, \(range.lowerBound) to \(range.upperBound), or a list of two",
            read: { text, _ in wholeNumbers(text).flatMap { Extent($0) }.flatMap { contains($0) ? $0 : nil } },
            text: { $0.height == $0.width ? .integer($0.height) : .list([.integer($0.height), .integer($0.width)]) },
            contains: contains)
    }
}

extension SettingValues where Value == Sides {
    /// One number for all sides, or a list of top, left, bottom and right.
    static func sides(_ range: ClosedRange<Int>) -> Self {
        let contains: (Sides) -> Bool = { $0.all.allSatisfy(range.contains) }
        return Self(
            allowed: "a whole number, \(range.lowerBound) to \(range.upperBound), or a list of four",
            read: { text, _ in wholeNumbers(text).flatMap { Sides($0) }.flatMap { contains($0) ? $0 : nil } },
            text: { sides in sides.uniform.map { .integer($0) } ?? .list(sides.all.map { .integer($0) }) },
            contains: contains)
    }
}

/// One whole number, or a list of them.
private func wholeNumbers(_ text: LayerText) -> [Int]? {
    if case .integer(let number) = text { return [number] }
    guard case .list(let list) = text else { return nil }
    let numbers = list.compactMap { if case .integer(let number) = $0 { number } else { nil } as Int? }
    return numbers.count == list.count ? numbers : nil
}

extension SettingValues where Value == [Layer] {
    /// A list of layers.
    static var layers: Self {
        Self(
            allowed: "a list of layers",
            read: { text, path in
                guard case .list(let list) = text, list.count <= 1000 else { return nil }
                return try list.enumerated().map { try Layer($1, path: "\(path)[\($0 + 1)]") }
            },
            text: { .list($0.map(\.text)) }, contains: { $0.count <= 1000 })
    }
}

/// A setting of a layer kind: its key, its values, where it is kept. Defaults are those of the kind's properties.
public struct LayerSetting<Kind> {
    let key: String
    let allowed: String
    let isRequired: Bool
    let read: (LayerText, _ path: String, inout Kind) throws -> Bool
    let complete: (inout Kind) -> Void
    /// The text of the setting; nil where it is left out.
    let text: (Kind) -> LayerText?
    /// The value of a setting that is none of those allowed.
    let invalid: (Kind) -> LayerText?

    /// - Parameters:
    ///   - omitted: the value at which the setting is not written; nil for one that always is.
    ///   - unstated: sets the value where a text does not state it, if that is not the property's own.
    init<Value: Equatable>(
        _ key: String, _ path: WritableKeyPath<Kind, Value>, _ values: SettingValues<Value>, isRequired: Bool = false,
        omitted: Value? = nil, unstated: @escaping (inout Kind) -> Void = { _ in }
    ) {
        self.key = key
        allowed = values.allowed
        self.isRequired = isRequired
        complete = unstated
        read = { text, name, kind in
            guard let value = try values.read(text, name) else { return false }
            kind[keyPath: path] = value
            return true
        }
        text = { kind in
            let value = kind[keyPath: path]
            return value == omitted ? nil : values.text(value)
        }
        invalid = { kind in
            let value = kind[keyPath: path]
            return values.contains(value) ? nil : values.text(value)
        }
    }
}

/// How a layer kind is written.
public enum LayerNotation<Kind> {
    /// As its key alone: `batch_normalization`.
    case word(Kind)
    /// As its key with one value: `activation: relu`. `name` is what the value is, for sentences.
    case value(LayerSetting<Kind>, of: Kind, name: String)
    /// As its key with a mapping of settings: `pooling: {kind: max, size: 2}`.
    case settings([LayerSetting<Kind>], of: Kind)

    var settings: [LayerSetting<Kind>] {
        switch self {
        case .word: []
        case .value(let setting, _, _): [setting]
        case .settings(let settings, _): settings
        }
    }

    /// The kind with the settings of a text; `path` names the layer with its key.
    func read(_ text: LayerText, path: String) throws -> Kind {
        switch self {
        case .word(let kind):
            var isEmpty = text.isNull
            if case .mapping(let entries) = text { isEmpty = entries.isEmpty }
            guard isEmpty else { throw Failure(.usage, "\(path) is \(text.line), but takes no settings") }
            return kind
        case .value(let setting, var kind, let name):
            guard !text.isNull else { throw Failure(.usage, "\(path) has no \(name); allowed: \(setting.allowed)") }
            guard try setting.read(text, path, &kind) else { throw refusal(path, text, setting) }
            return kind
        case .settings(let settings, var kind):
            var stated: [(key: String, value: LayerText)] = []
            if case .mapping(let entries) = text {
                stated = entries
            } else if !text.isNull {
                throw Failure(.usage, "\(path) is \(text.line); allowed: a mapping of keys to values")
            }
            let keys = settings.map(\.key)
            for (key, _) in stated where !keys.contains(key) { throw Self.unknownKey(key, path: path, among: keys) }
            for setting in settings {
                guard let value = stated.first(where: { $0.key == setting.key })?.value else {
                    if setting.isRequired {
                        let words = setting.allowed.contains("number") ? "" : "; allowed: \(setting.allowed)"
                        throw Failure(.usage, "\(path) has no \(setting.key)\(words)")
                    }
                    setting.complete(&kind)
                    continue
                }
                let name = "\(path).\(setting.key)"
                guard try setting.read(value, name, &kind) else { throw refusal(name, value, setting) }
            }
            return kind
        }
    }

    static func unknownKey(_ key: String, path: String, among keys: [String]) -> Failure {
        let key = LayerText.word(key).line
        let near = keys.first { key.count > 2 && $0.hasPrefix(key) } ?? nearestName(to: key, among: keys)
        let advice = near.map { "did you mean '\(path).\($0)'?" } ?? "known: \(keys.joined(separator: ", "))"
        return Failure(.usage, "unknown key '\(path).\(key)'; \(advice)")
    }

    private func refusal(_ name: String, _ value: LayerText, _ setting: LayerSetting<Kind>) -> Failure {
        Failure(.usage, "\(name) is \(value.line); allowed: \(setting.allowed)")
    }

    /// The text of the kind's settings; nil for a bare word.
    func text(_ kind: Kind) -> LayerText? {
        switch self {
        case .word: nil
        case .value(let setting, _, _): setting.text(kind)
        case .settings(let settings, _):
            .mapping(settings.compactMap { setting in setting.text(kind).map { (setting.key, $0) } })
        }
    }
}

extension Extent {
    init?(_ numbers: [Int]) {
        guard let first = numbers.first, let last = numbers.last, numbers.count <= 2 else { return nil }
        self.init(first, last)
    }
}

/// Rows or columns added to the four sides of an image.
public struct Sides: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// Rows above.
    public var top: Int
    /// Columns before.
    public var left: Int
    /// Rows below.
    public var bottom: Int
    /// Columns behind.
    public var right: Int

    /// So many on each side.
    public init(top: Int, left: Int, bottom: Int, right: Int) {
        (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
    }
    /// As many on every side.
    public init(integerLiteral margin: Int) { self.init(top: margin, left: margin, bottom: margin, right: margin) }

    init?(_ numbers: [Int]) {
        switch numbers.count {
        case 1: self.init(integerLiteral: numbers[0])
        case 4: self.init(top: numbers[0], left: numbers[1], bottom: numbers[2], right: numbers[3])
        default: return nil
        }
    }

    var all: [Int] { [top, left, bottom, right] }
    /// The number of all sides, where they are equal.
    var uniform: Int? { all.allSatisfy { $0 == top } ? top : nil }
}
