import Essentials

/// A value as YAML has it, with the place where it was said.
struct RecipeNode: Sendable {
    enum Content: Sendable {
        /// A scalar; quoted ones are text whatever they look like.
        case scalar(String, quoted: Bool)
        case list([RecipeNode])
        case mapping([(key: String, value: RecipeNode)])
    }

    var content: Content
    /// The file, or the `--set` that said it.
    var origin = ""

    static let null = word("null")
    static func word(_ word: String) -> RecipeNode { RecipeNode(content: .scalar(word, quoted: false)) }
    static func text(_ text: String) -> RecipeNode {
        RecipeNode(content: .scalar(text, quoted: !isPlain(text)))
    }
    static func number(_ value: some BinaryInteger) -> RecipeNode { word(String(value)) }
    /// The shortest decimal that reads back equal; with a point in the mantissa, which YAML 1.1 asks for.
    static func number(_ value: Double) -> RecipeNode {
        let parts = value.description.split(separator: "e", maxSplits: 1)
        guard parts.count == 2, !parts[0].contains(".") else { return word(value.description) }
        return word("\(parts[0]).0e\(parts[1])")
    }
    static func list(_ values: [RecipeNode]) -> RecipeNode { RecipeNode(content: .list(values)) }
    static func mapping(_ entries: [(key: String, value: RecipeNode)]) -> RecipeNode {
        RecipeNode(content: .mapping(entries))
    }

    /// True where it is an unquoted null or nothing at all.
    var isNull: Bool { word.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false }
    /// An unquoted scalar.
    var word: String? {
        if case .scalar(let text, quoted: false) = content { text } else { nil }
    }
    /// A scalar, quoted or not.
    var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }
    /// true or false, as YAML 1.1 writes them.
    var flag: Bool? {
        switch word?.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }
    /// A finite decimal number, or a fraction such as 8/255.
    var real: Double? { word.flatMap { realNumber($0.filter { $0 != "_" }) } }
    var elements: [RecipeNode]? {
        if case .list(let elements) = content { elements } else { nil }
    }
    var entries: [(key: String, value: RecipeNode)]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    subscript(key: String) -> RecipeNode? { entries?.first { $0.key == key }?.value }

    /// This value with another one laid over it: mappings key by key, anything else replaced; with `keepsSections` the
    /// word `true` leaves a mapping.
    func overlaid(by other: RecipeNode, keepsSections: Bool = false) -> RecipeNode {
        guard var merged = entries, let others = other.entries else {
            return keepsSections && entries != nil && other.flag == true ? self : other
        }
        for entry in others {
            if let index = merged.firstIndex(where: { $0.key == entry.key }) {
                merged[index].value = merged[index].value.overlaid(by: entry.value, keepsSections: keepsSections)
            } else {
                merged.append(entry)
            }
        }
        return RecipeNode(content: .mapping(merged), origin: origin)
    }

    /// The same value, said at `origin`.
    func said(at origin: String) -> RecipeNode {
        switch content {
        case .scalar: RecipeNode(content: content, origin: origin)
        case .list(let elements):
            RecipeNode(content: .list(elements.map { $0.said(at: origin) }), origin: origin)
        case .mapping(let entries):
            RecipeNode(content: .mapping(entries.map { ($0.key, $0.value.said(at: origin)) }), origin: origin)
        }
    }
}

// MARK: - YAML text

extension RecipeNode {
    /// A mapping as YAML, one key a line, in the order of its entries.
    func yaml(indent: Int = 0) -> String {
        let margin = String(repeating: " ", count: indent)
        var text = ""
        for (key, value) in entries ?? [] {
            text += margin + RecipeNode.text(key).flow + ":"
            if let entries = value.entries, !entries.isEmpty {
                text += "\n" + value.yaml(indent: indent + 2)
            } else if let elements = value.elements, elements.contains(where: { $0.text == nil }) {
                text += "\n" + elements.map { "\(margin)  - \($0.flow)\n" }.joined()
            } else {
                text += " \(value.flow)\n"
            }
        }
        return text
    }

    /// The value on one line.
    var flow: String {
        switch content {
        case .scalar(let text, let quoted): quoted ? RecipeNode.quote(text) : text
        case .list(let elements): "[" + elements.map(\.flow).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "\(RecipeNode.text($0.key).flow): \($0.value.flow)" }.joined(separator: ", ") + "}"
        }
    }

    /// True where a text reads back as itself without quotes, in every version of YAML.
    private static func isPlain(_ text: String) -> Bool {
        let reserved = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
        guard let first = text.first, first.isASCII, first.isLetter || "/_".contains(first) else { return false }
        return !reserved.contains(text.lowercased())
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/_.-".contains($0)) }
    }

    /// Double quotes, with escapes for what is not printable ASCII.
    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case " "..."~": quoted.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return quoted + "\""
    }
}
