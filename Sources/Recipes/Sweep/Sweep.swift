import Essentials
import Foundation
import Kernels

/// A recipe with several values for some of its keys: many runs.
///
/// A recipe says it under `sweep`; the entries there are keys of the recipe, dotted or not, and how to go about it:
///
///     sweep:
///       learning_rate: [0.001, 0.003, 0.01]
///       seed: 1..3
///       search: halving:epochs=2
///       attacks: clean,pgd
public struct Sweep: Equatable, Sendable {
    /// The key of a recipe's sweep.
    static let key = "sweep"

    /// The evaluation at the end; nil for the recipe's plan.
    public struct Evaluation: Equatable, Sendable {
        /// The attacks, as `steadfast evaluate` takes them.
        public var attacks: String?
        /// The strengths, as `steadfast evaluate` takes them.
        public var strengths: String?
        /// The first images.
        public var samples: Int?
        /// The images: `validation`, `test` or `train`; nil for the validation split, or that of tests where the recipe
        /// has none.
        public var split: String?

        /// Nothing said.
        public init() {}
    }

    /// A key and its values.
    struct Axis: Equatable, Sendable {
        let key: String
        let values: SweepValues
    }

    /// The recipe as its author wrote it, without the sweep, as YAML.
    let recipe: String
    /// The recipe's name in sentences.
    let source: String
    let overrides: [String]
    let axes: [Axis]
    /// The choice of configurations.
    public let search: SweepSearch
    /// The evaluation at the end.
    public let evaluation: Evaluation

    /// Reads a sweep: what the recipe says, over that the command line.
    ///
    /// - Parameters:
    ///   - nameOrPath: a recipe, as `Recipe.load` takes it; or the `sweep.yaml` of a sweep's directory.
    ///   - overrides: as `Recipe.parse` takes them, for all runs.
    ///   - sweeps: `key=values`, each in place of the recipe's values of that key.
    ///   - search: in place of the recipe's.
    ///   - evaluation: each entry in place of the recipe's.
    /// - Throws: `Failure` 66 as `Recipe.load`; 64 in one sentence where the sweep is none.
    public init(
        _ nameOrPath: String, overrides: [String] = [], sweeps: [String] = [], search: String? = nil,
        evaluation given: Evaluation = Evaluation(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        let path = try Recipe.locate(nameOrPath, environment: environment)
        try self.init(
            yaml: try Recipe.readText(path), source: path, overrides: overrides, sweeps: sweeps, search: search,
            evaluation: given)
    }

    /// Reads a sweep from a text, as `init(_:)` does from a file.
    public init(
        yaml: String, source: String, overrides: [String] = [], sweeps: [String] = [], search: String? = nil,
        evaluation given: Evaluation = Evaluation()
    ) throws {
        let file = try RecipeNode(yaml: yaml, origin: source)
        let said = file[Self.key].flatMap { $0.isNull ? nil : $0 } ?? .mapping([])
        guard said.entries != nil else {
            throw Failure(.usage, "\(source): sweep is \(shortened(said.flow)); allowed: a mapping of keys to values")
        }
        self.source = source
        recipe = file.without(Self.key).yaml()
        let section = RecipeSection(node: said, path: Self.key, source: source)
        self.overrides = (try section.value("set", .list(.text, orEmpty: true)) ?? []) + overrides
        self.search =
            try search.map { try SweepSearch($0, origin: "--search") }
            ?? (try section.value("search", .text)).map { try SweepSearch($0, origin: source) } ?? .grid
        var own = Evaluation()
        own.attacks = given.attacks ?? said["attacks"]?.commaSeparated
        own.strengths = given.strengths ?? said["strengths"]?.commaSeparated
        own.samples = try given.samples ?? section.value("samples", .integer(1...1_000_000_000))
        own.split = try given.split ?? section.value("split", .text)
        evaluation = own
        axes = try Self.axes(said, sweeps, source: source)
        // What a directory holds is done as it says.
        if !overrides.isEmpty || !sweeps.isEmpty { try refuseOverridden() }
    }

    /// Refuses an override of a key that is swept over: no run would have its value.
    private func refuseOverridden() throws {
        guard !overrides.isEmpty else { return }
        let swept = try axes.reduce(into: Set<String>()) { keys, axis in
            guard case .list(let values) = axis.values else { return keys.formUnion([axis.key]) }
            keys.formUnion(try Recipe.keys(setBy: values.map { "\(axis.key)=\($0)" }, option: "--sweep"))
        }
        for text in overrides {
            guard let key = try Recipe.keys(setBy: [text]).intersection(swept).min() else { continue }
            throw Failure(.usage, "--set \(shortened(text)): \(key) is swept over: leave one of the two out")
        }
    }

    /// The entries of the section that are no keys of the recipe.
    private static let settings = ["set", "search", "attacks", "strengths", "samples", "split"]

    private static func axes(_ said: RecipeNode, _ sweeps: [String], source: String) throws -> [Axis] {
        var axes: [Axis] = []
        func add(_ node: RecipeNode, _ key: String) throws {
            if let entries = node.entries {
                return try entries.forEach { try add($0.value, "\(key).\($0.key)") }
            }
            let axis = Axis(key: key, values: try SweepValues(node, key: key))
            if let index = axes.firstIndex(where: { $0.key == key }) { axes[index] = axis } else { axes.append(axis) }
        }
        var asked: Set<String> = []
        for (key, node) in said.entries ?? [] where !settings.contains(key) { try add(node, key) }
        for text in sweeps {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw Failure(
                    .usage, "--sweep \(shortened(text)): write it as key=values, as in --sweep learning_rate=0.001,0.01"
                )
            }
            guard asked.insert(parts[0]).inserted else {
                throw Failure(
                    .usage, "--sweep \(shortened(text)): \(shortened(parts[0])) has values already: name it once")
            }
            try add(try RecipeNode(yaml: "[\(parts[1])]", origin: "--sweep \(shortened(text))"), parts[0])
        }
        guard !axes.isEmpty else {
            throw Failure(
                .usage,
                "\(source): nothing to sweep over: --sweep learning_rate=0.001,0.01, or a section sweep in the recipe")
        }
        return axes
    }

    /// The sweep as YAML: a recipe with a section `sweep`. Reads back equal.
    public var yaml: String {
        var entries = axes.map { (key: $0.key, value: $0.values.node) }
        entries.append(("search", .text(search.text)))
        func add(_ key: String, _ text: String?) { if let text { entries.append((key, .text(text))) } }
        add("attacks", evaluation.attacks)
        add("strengths", evaluation.strengths)
        if let samples = evaluation.samples { entries.append(("samples", .number(samples))) }
        add("split", evaluation.split)
        if !overrides.isEmpty { entries.append(("set", .list(overrides.map { .text($0) }))) }
        return recipe + RecipeNode.mapping([(Self.key, .mapping(entries))]).yaml()
    }

    /// The differences from another sweep, a sentence each: `learning_rate: 0.1 there, 0.2 asked for`.
    public func differences(from other: Sweep) throws -> [String] {
        let (own, others) = try (RecipeNode(yaml: yaml, origin: ""), RecipeNode(yaml: other.yaml, origin: ""))
        return own.differences(from: others).map {
            let key = $0.key.hasPrefix("sweep.") ? String($0.key.dropFirst(6)) : $0.key
            return "\(key): \($0.other ?? "none") there, \($0.value ?? "none") asked for"
        }
    }

    /// The keys whose values differ between runs, but the seed.
    public var keys: [String] { axes.map(\.key).filter { $0 != Self.seedKey } }

    private static let seedKey = "seed"
}

extension RecipeNode {
    /// A list's elements, or a word, as the command line has them.
    fileprivate var commaSeparated: String? {
        elements.map { $0.compactMap(\.text).joined(separator: ",") } ?? text
    }
}

// MARK: - Runs

/// A run of a sweep.
public struct SweepRun: Sendable {
    /// The number of the run, from 1.
    public let number: Int
    /// The number of the configuration, from 1: runs that differ in the seed alone share it.
    public let configuration: Int
    /// The values of the sweep's keys, as YAML, in their order.
    public let values: [String]
    /// The directory, beneath the sweep's: `002-learning_rate=0.003/seed-1`.
    public let path: String
    /// The recipe.
    public let recipe: Recipe
}

extension Sweep {
    /// The runs, all checked: the seed varies fastest, then the last key.
    ///
    /// - Throws: `Failure` 64 with all values that are refused, or where the search does not fit them.
    public func runs() throws -> [SweepRun] {
        let own = axes.filter { $0.key != Self.seedKey }
        let configurations = try self.configurations(own)
        let seeds = try axes.first { $0.key == Self.seedKey }.map { axis -> [String] in
            guard case .list(let seeds) = axis.values else {
                throw Failure(.usage, "\(source): seed needs whole numbers, as in seed=1..3")
            }
            return seeds
        }
        guard configurations.count * (seeds?.count ?? 1) <= SweepValues.most else {
            throw Failure(
                .usage,
                "\(configurations.count * (seeds?.count ?? 1)) runs are more than \(SweepValues.most): sweep less")
        }
        var runs: [SweepRun] = []
        var refusals: [String] = []
        let digits = max(3, String(configurations.count).count)
        for (place, values) in configurations.enumerated() {
            let assignments = zip(own, values).map { "\($0.key)=\($1)" }
            for seed in seeds.map({ $0.map(Optional.some) }) ?? [nil] {
                do {
                    let recipe = try Recipe.parse(
                        yaml: recipe, overrides: overrides,
                        swept: assignments + (seed.map { ["\(Self.seedKey)=\($0)"] } ?? []), source: source)
                    try check(recipe)
                    let name = ([number(place + 1, digits)] + assignments.map(Self.fileName)).joined(separator: "-")
                    runs.append(
                        SweepRun(
                            number: runs.count + 1, configuration: place + 1, values: values,
                            path: "\(name.prefix(100))/seed-\(recipe.seed)", recipe: recipe))
                } catch let failure as Failure {
                    if !refusals.contains(failure.message) { refusals.append(failure.message) }
                }
            }
        }
        guard refusals.isEmpty else {
            let rest = refusals.count > 8 ? "; and \(refusals.count - 8) more" : ""
            throw Failure(.usage, refusals.prefix(8).joined(separator: "; ") + rest)
        }
        guard search.firstEpochs == nil || Set(runs.map(\.recipe.epochs)).count <= 1 else {
            throw Failure(.usage, "\(source): halving compares runs at the same epochs: give all the same epochs")
        }
        return runs
    }

    /// The parts of a recipe that halving needs.
    private func check(_ recipe: Recipe) throws {
        guard search.firstEpochs != nil else { return }
        guard recipe.validation > 0 else {
            throw Failure(
                .usage, "\(source): halving goes by the validation error: set validation, as in validation: 5000")
        }
        guard recipe.maxSteps == nil, recipe.earlyStopping == nil else {
            throw Failure(.usage, "\(source): halving sets the ends of runs: leave max_steps and early_stopping out")
        }
    }

    /// The values of each configuration.
    private func configurations(_ axes: [Axis]) throws -> [[String]] {
        let lists = axes.map { axis -> [String]? in
            if case .list(let values) = axis.values { values } else { nil }
        }
        var grid = 1
        for list in lists { grid = min(SweepValues.most + 1, grid * (list?.count ?? SweepValues.most + 1)) }
        guard let draws = search.draws else {
            if let index = lists.firstIndex(where: { $0 == nil }) {
                throw Failure(
                    .usage,
                    "\(axes[index].key) is a range of real numbers, of which a grid has no end: list some, or search "
                        + "at random (random:runs=20)")
            }
            guard grid <= SweepValues.most else {
                throw Failure(
                    .usage, "the grid has more than \(SweepValues.most) runs: sweep less, or search at random")
            }
            return lists.compactMap { $0 }.reduce([[]]) { rows, list in
                rows.flatMap { row in list.map { row + [$0] } }
            }
        }
        guard draws <= grid else {
            throw Failure(.usage, "the grid has \(grid) configurations, fewer than the \(draws) to draw: list more")
        }
        var drawn: [[String]] = []
        var attempt = 0
        // Few are drawn twice, but of a grid that is nearly used up.
        while drawn.count < draws {
            var random = Philox(seed: search.seed, purpose: .sweep, attempt)
            let values = axes.map { $0.values.draw(&random) }
            if !drawn.contains(values) { drawn.append(values) }
            attempt += 1
            guard attempt < 1_000_000 else {
                throw Failure(.usage, "\(draws) different configurations could not be drawn: widen the ranges")
            }
        }
        return drawn
    }

    private func number(_ value: Int, _ digits: Int) -> String {
        String(repeating: "0", count: max(0, digits - String(value).count)) + String(value)
    }

    /// `learning_rate=0.003` of `optimizer.learning_rate=0.003`, of characters that every file system takes.
    private static func fileName(_ assignment: String) -> String {
        let parts = assignment.split(separator: "=", maxSplits: 1).map(String.init)
        let key = parts[0].split(separator: ".").last.map(String.init) ?? parts[0]
        let plain = "\(key)=\(parts.count > 1 ? parts[1] : "")".map { character -> Character in
            character.isASCII && (character.isLetter || character.isNumber || "._=+".contains(character))
                ? character : "_"
        }
        return String(String(plain).prefix(40))
    }
}
