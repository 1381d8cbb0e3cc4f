import Essentials

/// The way in which a sweep chooses its configurations: `grid`, `random:runs=20:seed=1`, `halving:epochs=2:factor=3`.
public struct SweepSearch: Equatable, Sendable {
    /// The configurations drawn at random; nil for all of the grid.
    public let draws: Int?
    /// The key of the draws.
    public let seed: UInt64
    /// Successive halving (Jamieson & Talwalkar 2016): the epochs of the first round; nil where all configurations
    /// train to the end.
    public let firstEpochs: Int?
    /// The factor of successive halving: so many times fewer configurations go on, so many times further.
    public let factor: Int

    /// All of the grid, to the end.
    public static let grid = SweepSearch(draws: nil, seed: 1, firstEpochs: nil, factor: 3)

    private init(draws: Int?, seed: UInt64, firstEpochs: Int?, factor: Int) {
        (self.draws, self.seed, self.firstEpochs, self.factor) = (draws, seed, firstEpochs, factor)
    }

    /// Reads a search.
    ///
    /// - Parameter origin: what said it, for sentences.
    /// - Throws: `Failure` 64.
    init(_ text: String, origin: String) throws {
        func refuse(_ sentence: String) -> Failure {
            Failure(.usage, "\(origin): the search '\(shortened(text))' \(sentence)")
        }
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let allowed = ["grid": [], "random": ["runs", "seed"], "halving": ["epochs", "factor", "runs", "seed"]]
        guard let keys = allowed[words[0]] else {
            throw refuse("is none of grid, random:runs=20:seed=1, halving:epochs=2:factor=3")
        }
        var values: [String: Int] = [:]
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard keys.contains(parts[0]) else {
                throw refuse(
                    "has '\(parts[0])', which \(words[0]) does not take"
                        + (keys.isEmpty ? "" : ": \(keys.joined(separator: ", "))"))
            }
            let least = ["seed": 0, "factor": 2][parts[0]] ?? 1
            guard parts.count == 2, let value = Int(parts[1]), (least...1_000_000).contains(value) else {
                throw refuse("needs a whole number from \(least) for \(parts[0])")
            }
            guard values.updateValue(value, forKey: parts[0]) == nil else { throw refuse("says \(parts[0]) twice") }
        }
        guard words[0] != "random" || values["runs"] != nil else { throw refuse("needs runs, as in random:runs=20") }
        guard words[0] != "halving" || values["epochs"] != nil else {
            throw refuse("needs the epochs of its first round, as in halving:epochs=2")
        }
        self.init(
            draws: values["runs"], seed: UInt64(values["seed"] ?? 1), firstEpochs: values["epochs"],
            factor: values["factor"] ?? 3)
    }

    /// The text; reads back equal.
    public var text: String {
        let drawn = draws.map { ":runs=\($0):seed=\(seed)" } ?? ""
        return firstEpochs.map { "halving:epochs=\($0):factor=\(factor)\(drawn)" }
            ?? (draws == nil ? "grid" : "random\(drawn)")
    }

    /// The rounds of so many configurations that train for so many epochs in the end: the epochs at the end of each,
    /// and the configurations that take part. One round where nothing is halved.
    public func rounds(configurations: Int, epochs: Int) -> [(epochs: Int, configurations: Int)] {
        guard let firstEpochs else { return [(epochs, configurations)] }
        var rounds: [(epochs: Int, configurations: Int)] = []
        var (reached, left) = (firstEpochs, configurations)
        while reached < epochs && left > 1 {
            rounds.append((reached, left))
            reached = reached.multipliedReportingOverflow(by: factor).partialValue
            left = (left + factor - 1) / factor
        }
        return rounds + [(epochs, left)]
    }
}
