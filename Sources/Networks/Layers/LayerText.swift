/// The text of layers as a tree: between YAML or JSON on one side and the kinds' settings on the other.
public indirect enum LayerText: Sendable {
    /// Nothing.
    case null
    /// `true` or `false`.
    case flag(Bool)
    /// A whole number.
    case integer(Int)
    /// A number.
    case real(Double)
    /// A word.
    case word(String)
    /// Values in order.
    case list([LayerText])
    /// Values by key, in order.
    case mapping([(key: String, value: LayerText)])

    /// True of nothing.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The value on one line, as sentences show it: at most 60 characters.
    var line: String {
        let text =
            switch self {
            case .null: "empty"
            case .flag(let flag): "\(flag)"
            case .integer(let number): "\(number)"
            case .real(let number): "\(number)"
            case .word(let word): word
            case .list(let values): "[" + values.prefix(30).map(\.line).joined(separator: ", ") + "]"
            case .mapping(let entries): "{" + entries.prefix(30).map { "\($0.key): \($0.value.line)" }.joined() + "}"
            }
        return text.count > 60 ? text.prefix(57) + "..." : text
    }
}

// MARK: - JSON

extension LayerText: Codable {
    /// A key of a mapping.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads any value but one that is nested more than a network is.
    public init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < 40 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "nested too deep"))
        }
        if let values = try? decoder.container(keyedBy: Key.self) {
            self = .mapping(
                try values.allKeys.sorted { $0.stringValue < $1.stringValue }
                    .map { ($0.stringValue, try values.decode(LayerText.self, forKey: $0)) })
            return
        }
        if var values = try? decoder.unkeyedContainer() {
            var list: [LayerText] = []
            while !values.isAtEnd { list.append(try values.decode(LayerText.self)) }
            self = .list(list)
            return
        }
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Int.self) {
            self = .integer(number)
        } else if let number = try? value.decode(Double.self) {
            self = .real(number)
        } else {
            self = .word(try value.decode(String.self))
        }
    }

    /// Writes the value.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .mapping(let entries):
            var values = encoder.container(keyedBy: Key.self)
            for entry in entries { try values.encode(entry.value, forKey: Key(stringValue: entry.key)) }
        case .list(let list):
            var values = encoder.unkeyedContainer()
            for value in list { try values.encode(value) }
        default:
            var value = encoder.singleValueContainer()
            switch self {
            case .flag(let flag): try value.encode(flag)
            case .integer(let number): try value.encode(number)
            case .real(let number): try value.encode(number)
            case .word(let word): try value.encode(word)
            case .null, .list, .mapping: try value.encodeNil()
            }
        }
    }
}
