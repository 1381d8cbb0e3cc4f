import Datasets
import Essentials
import Networks

extension Recipe {
    /// Reads a recipe: built-in defaults, which depend on the data set, the architecture, the activation and the
    /// variant; over them the text; over that the overrides, in order.
    ///
    /// - Parameters:
    ///   - yaml: at most 1 MiB, without aliases.
    ///   - overrides: `key=value`, the key dotted, the value YAML: `schedule.kind=step`, `random_training={amplitude:
    ///     0.3}`.
    ///   - swept: more overrides, those of a run of a sweep; nil for a recipe of one run, which has no key `sweep`.
    ///   - resumed: the recipe.yaml of the run that goes on: its values that change the result are the defaults.
    ///   - source: the text's name in sentences, a path.
    /// - Throws: `Failure` 64 in one sentence: no YAML, an unknown key (with the nearest one), a value of the wrong
    ///   type or out of range (with what is allowed). It names the source or the override.
    public static func parse(
        yaml: String, overrides: [String] = [], swept: [String]? = nil, resuming resumed: String? = nil,
        source: String = "recipe"
    ) throws -> Recipe {
        var file = try RecipeNode(yaml: yaml, origin: source)
        guard file.isNull || file.entries != nil else {
            throw Failure(.usage, "\(source): a recipe is a mapping of keys to values")
        }
        if file[Sweep.key] != nil {
            guard swept != nil else {
                throw Failure(.usage, "\(source): the key sweep asks for many runs: steadfast sweep RECIPE --runs DIR")
            }
            file = file.without(Sweep.key)
        }
        let layers =
            try [file.isNull ? .mapping([]) : file.withEarlierValues] + overrides.map { try override($0, by: "--set") }
            + (swept ?? []).map { try override($0, by: "--sweep") }
        for layer in layers { try layer.checkKeys(against: keys.map(\.facts)) }
        func read(_ keys: [RecipeKey<Recipe>], of node: RecipeNode, into recipe: inout Recipe) throws {
            let section = RecipeSection(node: node, path: "", source: source)
            for key in keys { try key.read(section, &recipe, recipe) }
        }
        var recipe = Recipe(dataset: "")
        let fixed = keys.filter {
            $0.facts.effect == .result && ($0.name != layerRatesKey || file[layerRatesKey] == nil)
        }
        let run = try resumed.map { try RecipeNode(yaml: $0, origin: "the run's recipe.yaml").withEarlierValues }
        var full = [(run ?? .mapping([])).only(fixed.map(\.name))] + layers.map(\.withoutShorthands)
        try read(choosingKeys, of: RecipeNode.merged(full, keepsSections: resumed != nil), into: &recipe)
        guard !recipe.dataset.isEmpty else {
            throw Failure(.usage, "\(source): no data set; add 'dataset: mnist', cifar10, glyphs or another one")
        }
        // The file's layer rates replace the built-in ones, so that they can be left out; an override adds to them.
        if file[layerRatesKey] == nil && full[0][layerRatesKey] == nil {
            full.insert(.mapping([(layerRatesKey, writeRates(recipe.layerRates))]), at: 0)
        }
        try read(
            Array(keys.dropFirst(choosingKeys.count)), of: RecipeNode.merged(full, keepsSections: resumed != nil),
            into: &recipe)
        return recipe
    }

    /// The dotted names of the keys that overrides give values to.
    ///
    /// - Parameter option: the option of the overrides, named where one is refused.
    /// - Throws: `Failure` 64 for a text that is no override.
    public static func keys(setBy overrides: [String], option: String = "--set") throws -> Set<String> {
        try overrides.reduce(into: []) { $0.formUnion(try override($1, by: option).leafKeys) }
    }

    /// `a.b=c` as the mapping a: {b: c}.
    static func override(_ text: String, by option: String) throws -> RecipeNode {
        let origin = "\(option) \(shortened(text))"
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, keys.count <= 8, !keys.contains("") else {
            throw Failure(.usage, "\(origin): write it as key=value, as in \(option) checkpoint.keep=5")
        }
        let value = try RecipeNode(yaml: String(parts[1]), origin: origin)
        return keys.reversed().reduce(value) { RecipeNode(content: .mapping([($1, $0)]), origin: origin) }
    }
}

extension RecipeNode {
    /// Keys that a resolved recipe states, whatever version wrote it, and hardly another one.
    private static let resolvedKeys = [
        "max_steps", "accumulation", "reference_batch", "gradient_clipping", "stall_timeout", "audit",
    ]

    /// A resolved recipe with the values of the keys that it was written before; another one as it is.
    fileprivate var withEarlierValues: RecipeNode {
        guard Self.resolvedKeys.allSatisfy({ self[$0] != nil }) else { return self }
        let earlier = Recipe.keys.compactMap { key in
            self[key.name] == nil ? key.facts.before.map { (key.name, $0.said(at: origin)) } : nil
        }
        return RecipeNode(content: .mapping((entries ?? []) + earlier), origin: origin)
    }

    /// The entries but one key's.
    func without(_ key: String) -> RecipeNode {
        RecipeNode(content: .mapping((entries ?? []).filter { $0.key != key }), origin: origin)
    }

    /// The entries of some keys.
    fileprivate func only(_ keys: [String]) -> RecipeNode {
        .mapping((entries ?? []).filter { keys.contains($0.key) })
    }

    /// The layers one over the other, the last one on top.
    fileprivate static func merged(_ layers: [RecipeNode], keepsSections: Bool) -> RecipeNode {
        layers.dropFirst().reduce(layers[0]) { $0.overlaid(by: $1, keepsSections: keepsSections) }
    }

    /// With the word of a section written as one, `schedule: cosine`, in the section's full form.
    fileprivate var withoutShorthands: RecipeNode {
        guard var entries else { return self }
        for key in Recipe.keys.map(\.facts) {
            guard let shorthand = key.shorthand, let index = entries.firstIndex(where: { $0.key == key.name })
            else { continue }
            let value = entries[index].value
            guard value.text != nil, !value.isNull else { continue }
            entries[index].value = RecipeNode(content: .mapping([(shorthand, value)]), origin: value.origin)
        }
        return RecipeNode(content: .mapping(entries), origin: origin)
    }

    /// The dotted keys that a recipe gives values to.
    fileprivate var leafKeys: Set<String> {
        func keys(_ node: RecipeNode, _ path: String) -> [String] {
            node.entries.map { $0.flatMap { keys($0.value, path.isEmpty ? $0.key : "\(path).\($0.key)") } } ?? [path]
        }
        return Set(keys(withoutShorthands, ""))
    }

    /// Refuses unknown keys, all levels down. Lists and open mappings are left.
    fileprivate func checkKeys(against keys: [RecipeKeyFacts], path: String = "") throws {
        let known = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })
        for (key, value) in entries ?? [] {
            guard let facts = known[key] else { throw unknownKey(key, prefix: path, siblings: keys.map(\.name)) }
            if let inner = facts.inner { try value.checkKeys(against: inner, path: "\(path)\(key).") }
        }
    }

    /// Refuses a key: advises the same one elsewhere; one beside it that begins so, or the nearest one; or lists the
    /// keys beside it, where a sentence can hold them.
    func unknownKey(_ key: String, prefix: String, siblings: [String]) -> Failure {
        let word = shortened(key)
        let elsewhere = Recipe.keyNames.first { $0 == word || $0.hasSuffix("." + word) }
        let longer = word.count > 2 ? siblings.first { $0.hasPrefix(word) } : nil
        let near = (longer ?? nearestName(to: word, among: siblings)).map { prefix + $0 }
        let known = "known: \(siblings.joined(separator: ", "))"
        let list = known.count <= Self.longestList ? known : "`steadfast recipe schema` has all keys"
        let advice = (elsewhere ?? near).map { "did you mean '\($0)'?" } ?? list
        return Failure(.usage, "\(origin): unknown key '\(prefix)\(word)'; \(advice)")
    }

    /// The characters of a list of keys that a sentence can hold: about three lines of a terminal.
    private static let longestList = 240
}

extension Recipe {
    /// The words that a key allows, where it allows a fixed list.
    public static func words(of name: String) -> [String] {
        let parts = name.split(separator: ".").map(String.init)
        var facts = keys.map(\.facts).first { $0.name == parts.first }
        if parts.count == 2 { facts = facts?.inner?.first { $0.name == parts[1] } }
        if case .words(let words) = facts?.range { return words }
        return facts?.isToggle == true ? ["true", "false"] : []
    }

    /// The dotted names of all keys that have a value.
    public static let keyNames: [String] = {
        func names(_ keys: [RecipeKeyFacts], _ prefix: String) -> [String] {
            keys.flatMap { key in
                key.inner.map { names($0, "\(prefix)\(key.name).") } ?? [prefix + key.name]
            }
        }
        return names(keys.map(\.facts), "")
    }()
}
