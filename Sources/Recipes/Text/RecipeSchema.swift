import Foundation

extension Recipe {
    /// The JSON schema (draft 2020-12) of a recipe, from the table of keys: editors complete and check recipes by it.
    public static var schema: String {
        var properties: [(String, SchemaValue)] = keys.map { ($0.name, schema(of: $0.facts)) }
        properties.append(
            (
                Sweep.key,
                .object([
                    ("type", .text("object")),
                    ("description", .text("Several values for some keys: steadfast sweep RECIPE --runs DIR.")),
                ])
            ))
        let root = SchemaValue.object([
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            ("title", .text("A recipe of Steadfast")), ("type", .text("object")),
            ("required", .list([.text("dataset")])), ("additionalProperties", .flag(false)),
            ("properties", .object(properties)),
        ])
        return root.json() + "\n"
    }

    private static func schema(of key: RecipeKeyFacts) -> SchemaValue {
        guard let inner = key.inner else {
            let text = key.documentation + (key.effect == .operational ? " Operational: free on resume." : "")
            return .object([("description", .text(text))] + (key.range?.schema ?? []))
        }
        let section = SchemaValue.object([
            ("type", .text("object")), ("additionalProperties", .flag(false)),
            ("properties", .object(inner.map { ($0.name, schema(of: $0)) })),
        ])
        var forms = [section, .object([("type", .text("null"))])]
        if key.isToggle { forms.append(.object([("type", .text("boolean"))])) }
        if let word = inner.first(where: { $0.name == key.shorthand }) { forms.append(schema(of: word)) }
        return .object([("description", .text(key.documentation)), ("anyOf", .list(forms))])
    }
}

/// The texts that stand for a fraction.
private let fractionPattern = "^[0-9][0-9.eE+-]*/[0-9][0-9.eE+-]*$"

extension RecipeRange {
    /// The keywords of a value's schema. Words are booleans too where YAML 1.1 reads them as such.
    fileprivate var schema: [(String, SchemaValue)] {
        switch self {
        case .integer(let range):
            return [
                ("type", .text("integer")), ("minimum", .number(Double(range.lowerBound))),
                ("maximum", .number(Double(range.upperBound))),
            ]
        case .seed: return [("type", .text("integer")), ("minimum", .number(0))]
        case .real(let interval):
            // A fraction such as 8/255 is a text in YAML.
            return [("type", .list([.text("number"), .text("string")])), ("pattern", .text(fractionPattern))]
                + interval.schema
        case .words(["true", "false"]): return [("type", .text("boolean"))]
        case .words(let words):
            let flags = [("on", true), ("off", false)].filter { words.contains($0.0) }.map { SchemaValue.flag($0.1) }
            return [("enum", .list(words.map { .text($0) } + flags))]
        case .text:
            return [("type", .text("string")), ("minLength", .number(1)), ("maxLength", .number(4096))]
        case .list(let element, let count):
            let bounds = count.map {
                [("minItems", SchemaValue.number(Double($0))), ("maxItems", .number(Double($0)))]
            }
            return [("type", .text("array")), ("items", .object(element.schema))] + (bounds ?? [])
        case .oneOrList(let range):
            let several: [(String, SchemaValue)] = [
                ("type", .text("array")), ("minItems", .number(1)), ("items", .object(range.schema)),
            ]
            return [("anyOf", .list([.object(range.schema), .object(several)]))]
        case .optional(let range):
            return [("anyOf", .list([.object(range.schema), .object([("type", .text("null"))])]))]
        case .layers:
            return [
                ("type", .text("array")), ("minItems", .number(1)), ("maxItems", .number(1000)),
                ("items", .object([("type", .list([.text("string"), .text("object")]))])),
            ]
        case .rates(let interval):
            return [
                ("type", .text("object")),
                ("additionalProperties", .object([("type", .text("number"))] + interval.schema)),
            ]
        }
    }
}

extension RecipeInterval {
    fileprivate var schema: [(String, SchemaValue)] {
        [
            (excludesLow ? "exclusiveMinimum" : "minimum", .number(low)),
            (excludesHigh ? "exclusiveMaximum" : "maximum", .number(high)),
        ]
    }
}

/// A value of a schema, whose objects keep the order of their members.
private indirect enum SchemaValue {
    case text(String)
    case number(Double)
    case flag(Bool)
    case list([SchemaValue])
    case object([(String, SchemaValue)])

    func json(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .text(let text): return Self.quoted(text)
        case .number(let number): return Int(exactly: number).map(String.init) ?? "\(number)"
        case .flag(let flag): return flag ? "true" : "false"
        case .list(let values):
            let isShort = values.allSatisfy { if case .object = $0 { false } else { true } }
            let items = values.map { $0.json(indent: inner) }
            return isShort
                ? "[\(items.joined(separator: ", "))]"
                : "[\n" + items.map { inner + $0 }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            let lines = members.map { "\(inner)\(Self.quoted($0.0)): \($0.1.json(indent: inner))" }
            return lines.isEmpty ? "{}" : "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
        }
    }

    /// The texts of the table hold no control characters.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
    }
}
