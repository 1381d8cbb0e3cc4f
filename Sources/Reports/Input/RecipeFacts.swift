/// The values of a resolved `recipe.yaml`, by dotted key: `network.activation` is `mrelu`. Reads what the product itself
/// writes: one `key: value` a line, two spaces a level.
struct RecipeFacts: Equatable {
    /// The values as they stand there.
    private(set) var values: [String: String] = [:]

    /// Reads the text of a resolved recipe.
    init(_ text: String) {
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

    /// Whether a part of the recipe, such as `adversarial_training`, is there and not null.
    func has(_ key: String) -> Bool {
        values.contains { ($0.key == key && $0.value != "null") || $0.key.hasPrefix(key + ".") }
    }

    /// The values in which this recipe differs from another, `key value`, by key; where a run's own name is kept is no
    /// difference, nor is the seed.
    func differences(from other: RecipeFacts) -> [String] {
        let keys = Set(values.keys).union(other.values.keys).subtracting(["seed", "data_directory", "evaluation"])
        return keys.sorted().filter { !$0.hasPrefix("evaluation.") && !$0.hasPrefix("checkpoint.") }.compactMap { key in
            // A part that was turned off says so in its own line, `key: null`.
            values[key] == other.values[key] ? nil : values[key].map { "\(key) \($0)" }
        }
    }
}
