/// The effect of a key on a run.
enum RecipeEffect: Sendable {
    /// It changes the weights: part of the digest, fixed for a run.
    case result
    /// It changes no weight: free on resume.
    case operational
}

/// A key of a recipe or of one of its sections: one row of a table from which reading, writing, the digest, refusals,
/// what ranks agree on, the report's comparison, the reference and the schema derive.
struct RecipeKey<Root>: Sendable {
    let facts: RecipeKeyFacts
    /// Reads the key from its section into a part of the recipe; the whole recipe as read so far comes with it.
    let read: @Sendable (RecipeSection, inout Root, Recipe) throws -> Void
    /// The value as YAML.
    let write: @Sendable (Root) -> RecipeNode

    var name: String { facts.name }

    /// A key of one value.
    ///
    /// - Parameters:
    ///   - agreed: the ranks of a job agree on it at the start. (They agree on the digest of all keys of `result`.)
    ///   - compared: recipes that differ in it are different recipes to a report.
    ///   - mayGrow: a run that goes on may have another value, unless this gives a reason why its steps would then have
    ///     been others.
    ///   - before: the value in resolved recipes that were written before the key was, where that is not its default.
    ///   - implies: the values that follow from a given one, unless they are given too; those are read later.
    ///   - check: the rest of a refusal's sentence, after the key, where the value does not fit the ones read before.
    init<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value> & Sendable, _ kind: RecipeValue<Value>,
        effect: RecipeEffect = .result, agreed: Bool = false, compared: Bool? = nil, before: RecipeNode? = nil,
        mayGrow: (@Sendable (Recipe) -> String?)? = nil, implies: (@Sendable (inout Root, Recipe) -> Void)? = nil,
        check: (@Sendable (Root, Recipe) -> String?)? = nil, _ documentation: String
    ) {
        self.init(
            name, path, range: kind.range, effect: effect, agreed: agreed, compared: compared, before: before,
            mayGrow: mayGrow, documentation,
            read: { section, key, _ in try section.value(key, kind) }, write: kind.write, implies: implies, check: check
        )
    }

    /// A key whose YAML is read in a way of its own; `read` gives nil where the default stays.
    init<Value>(
        _ name: String, _ path: WritableKeyPath<Root, Value> & Sendable, range: RecipeRange,
        effect: RecipeEffect = .result, agreed: Bool = false, compared: Bool? = nil, before: RecipeNode? = nil,
        mayGrow: (@Sendable (Recipe) -> String?)? = nil, _ documentation: String,
        read: @escaping @Sendable (RecipeSection, String, Root) throws -> Value?,
        write: @escaping @Sendable (Value) -> RecipeNode,
        implies: (@Sendable (inout Root, Recipe) -> Void)? = nil,
        check: (@Sendable (Root, Recipe) -> String?)? = nil
    ) {
        facts = RecipeKeyFacts(
            name: name, range: range, effect: effect, isAgreed: agreed, isCompared: compared ?? (effect == .result),
            documentation: documentation, before: before, mayGrow: mayGrow)
        self.read = { section, root, recipe in
            if let value = try read(section, name, root) {
                root[keyPath: path] = value
                implies?(&root, recipe)
            }
            if let sentence = check?(root, recipe) { throw section.fault(name, sentence) }
        }
        self.write = { write($0[keyPath: path]) }
    }

    /// A section that is always there.
    ///
    /// - Parameter shorthand: the key that a word in the section's place is the value of: `schedule: cosine`.
    static func section<Part>(
        _ name: String, _ path: WritableKeyPath<Root, Part> & Sendable, _ keys: [RecipeKey<Part>],
        effect: RecipeEffect = .result, shorthand: String? = nil,
        implies: (@Sendable (inout Root) -> Void)? = nil, _ documentation: String
    ) -> RecipeKey {
        RecipeKey(
            facts: RecipeKeyFacts(
                name: name, range: nil, effect: effect, isAgreed: false, isCompared: effect == .result,
                documentation: documentation, inner: keys.map(\.facts), shorthand: shorthand),
            read: { section, root, recipe in
                let inner = try section.section(name)
                for key in keys { try key.read(inner, &root[keyPath: path], recipe) }
                implies?(&root)
            },
            write: { root in .mapping(keys.map { ($0.name, $0.write(root[keyPath: path])) }) })
    }

    /// A section that may be off: `false` or `null`; `true` means its defaults.
    static func toggle<Part>(
        _ name: String, _ path: WritableKeyPath<Root, Part?> & Sendable, _ keys: [RecipeKey<Part>],
        effect: RecipeEffect = .result, defaults: @escaping @Sendable (Recipe) -> Part,
        check: (@Sendable (Root, Recipe) -> String?)? = nil, _ documentation: String
    ) -> RecipeKey {
        RecipeKey(
            facts: RecipeKeyFacts(
                name: name, range: nil, effect: effect, isAgreed: false, isCompared: effect == .result,
                documentation: documentation, inner: keys.map(\.facts), isToggle: true),
            read: { section, root, recipe in
                root[keyPath: path] = try section.toggle(name).map { inner in
                    var part = defaults(recipe)
                    for key in keys { try key.read(inner, &part, recipe) }
                    return part
                }
                if let sentence = check?(root, recipe) { throw section.fault(name, sentence) }
            },
            write: { root in
                root[keyPath: path].map { part in .mapping(keys.map { ($0.name, $0.write(part)) }) } ?? .null
            })
    }

    private init(
        facts: RecipeKeyFacts, read: @escaping @Sendable (RecipeSection, inout Root, Recipe) throws -> Void,
        write: @escaping @Sendable (Root) -> RecipeNode
    ) {
        (self.facts, self.read, self.write) = (facts, read, write)
    }
}

/// The properties of a key, apart from the value's type.
struct RecipeKeyFacts: Sendable {
    let name: String
    /// The allowed values; nil for a section.
    let range: RecipeRange?
    let effect: RecipeEffect
    let isAgreed, isCompared: Bool
    let documentation: String
    /// The value in resolved recipes that were written before the key was; nil for its default.
    var before: RecipeNode?
    /// Of a key that may have another value in a run that goes on: the reason why not in this recipe's, or nil.
    var mayGrow: (@Sendable (Recipe) -> String?)?
    /// The keys of a section.
    var inner: [RecipeKeyFacts]?
    /// The section may be off.
    var isToggle = false
    var shorthand: String?
}
