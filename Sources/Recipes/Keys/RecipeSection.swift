import Essentials

/// A mapping of the recipe as it is read: values by key, checked. A refusal is one sentence with the origin, the full
/// key, the value and what is allowed.
struct RecipeSection {
    /// The YAML given for the mapping; nil or null for none.
    let node: RecipeNode?
    /// The dotted key of the mapping, empty for the recipe itself.
    let path: String
    /// The file, for sentences about what was not said.
    let source: String

    /// The YAML given for a key, nil where there is none.
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

    /// The value of a key, nil where it is left to the default.
    func value<Value>(_ key: String, _ kind: RecipeValue<Value>) throws -> Value? {
        guard let node = said(key), !(node.isNull && kind.ignoresNull) else { return nil }
        guard let value = kind.read(node) else { throw refusal(key, node, allowed: kind.range.description) }
        return value
    }

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
}
