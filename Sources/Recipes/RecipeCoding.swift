import Essentials

/// A recipe is coded as the mapping that its YAML is: the same keys, every value. Reading one fills in defaults and checks
/// it, as `parse` does.
extension Recipe: Codable {
    /// Reads a recipe.
    ///
    /// - Throws: `Failure` 64 as `parse`.
    public init(from decoder: any Decoder) throws {
        self = try Recipe.resolve(try RecipeNode(from: decoder), overrides: [], source: "recipe")
    }

    /// Writes a recipe.
    public func encode(to encoder: any Encoder) throws { try node.encode(to: encoder) }
}

extension RecipeNode: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let values = try? decoder.container(keyedBy: Key.self) {
            self = .mapping(try values.allKeys.map { ($0.stringValue, try values.decode(RecipeNode.self, forKey: $0)) })
        } else if var values = try? decoder.unkeyedContainer() {
            var elements: [RecipeNode] = []
            while !values.isAtEnd { elements.append(try values.decode(RecipeNode.self)) }
            self = .list(elements)
        } else {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() {
                self = .null
            } else if let flag = try? value.decode(Bool.self) {
                self = .word(flag ? "true" : "false")
            } else if let number = try? value.decode(Int.self) {
                self = .number(number)
            } else if let number = try? value.decode(UInt64.self) {
                self = .number(number)
            } else if let number = try? value.decode(Double.self) {
                self = .number(number)
            } else {
                self = RecipeNode(content: .scalar(try value.decode(String.self), quoted: true))
            }
        }
    }

    func encode(to encoder: any Encoder) throws {
        switch content {
        case .mapping(let entries):
            var values = encoder.container(keyedBy: Key.self)
            for entry in entries { try values.encode(entry.value, forKey: Key(entry.key)) }
        case .list(let elements):
            var values = encoder.unkeyedContainer()
            for element in elements { try values.encode(element) }
        case .scalar(let text, _):
            var value = encoder.singleValueContainer()
            if isNull {
                try value.encodeNil()
            } else if word == "true" || word == "false" {
                try value.encode(word == "true")
            } else if let number = word.flatMap({ Int($0) }) {
                try value.encode(number)
            } else if let number = word.flatMap({ UInt64($0) }) {
                try value.encode(number)
            } else if let real {
                try value.encode(real)
            } else {
                try value.encode(text)
            }
        }
    }
}
