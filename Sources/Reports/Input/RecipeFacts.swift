/// The values of a resolved `recipe.yaml`, by dotted key: `network.activation` is `mrelu`. Reads what the product
/// itself writes: one `key: value` a line, two spaces a level.
package struct RecipeFacts: Equatable {
    /// The values as they stand there.
    package private(set) var values: [String: String] = [:]

    /// Reads the text of a resolved recipe.
    package init(_ text: String) {
        var path: [String] = []
        for line in text.split(separator: "\n") {
            let depth = line.prefix { $0 == " " }.count / 2
            let body = line.drop { $0 == " " }
            guard let colon = body.firstIndex(of: ":"), !body.hasPrefix("#"), !body.hasPrefix("-") else { continue }
            path = path.prefix(depth) + [String(body[..<colon])]
            let value = body[body.index(after: colon)...].drop { $0 == " " }
            if !value.isEmpty { values[path.joined(separator: ".")] = String(value) }
        }
    }

    /// True where a part of the recipe, such as `adversarial_training`, is there and not null.
    package func has(_ key: String) -> Bool {
        values.contains { ($0.key == key && $0.value != "null") || $0.key.hasPrefix(key + ".") }
    }

    /// The parts that never change a network: where data lie, what is kept, how ranks work together; and the seed.
    private static let free = [
        "seed", "data_directory", "max_steps", "balance", "data_sharing", "stall_timeout", "audit", "checkpoint",
        "evaluation",
    ]

    /// The values in which this recipe differs from another, `key value`, by key.
    package func differences(from other: RecipeFacts) -> [String] {
        Set(values.keys).union(other.values.keys).sorted().compactMap { key in
            guard !Self.free.contains(String(key.prefix { $0 != "." })), values[key] != other.values[key] else {
                return nil
            }
            // A part that was turned off says so in its own line, `key: null`.
            return values[key].map { "\(key) \($0)" }
        }
    }
}
