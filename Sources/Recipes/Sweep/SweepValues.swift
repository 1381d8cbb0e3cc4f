import Essentials
import Foundation
import Kernels

/// The values that a sweep gives to a key.
enum SweepValues: Equatable, Sendable {
    /// Some values, as YAML.
    case list([String])
    /// All numbers from one to another, for a random search.
    case interval(low: Double, high: Double, isLogarithmic: Bool)

    /// The most values of a key, and runs of a sweep.
    static let most = 10_000

    /// Reads a value, a list of them, or a range: `0.1`, `[0.1, 0.2]`, `1..3`, `0.001..0.1`, `log:0.001..0.1`.
    ///
    /// - Throws: `Failure` 64 with the origin.
    init(_ node: RecipeNode, key: String) throws {
        func refuse(_ sentence: String) -> Failure { Failure(.usage, "\(node.origin): \(key) \(sentence)") }
        let elements = node.elements ?? [node]
        guard !elements.isEmpty, !node.isNull, node.entries == nil else {
            throw refuse("needs values to sweep over, as in 0.001,0.01 or 1..3")
        }
        var values: [String] = []
        for element in elements {
            guard let range = try Self.range(element, refuse) else {
                values.append(element.flow)
                continue
            }
            switch range {
            case .list(let numbers): values += numbers
            case .interval:
                guard elements.count == 1 else { throw refuse("has a range of real numbers among its values") }
                self = range
                return
            }
        }
        guard values.count <= Self.most else { throw refuse("has \(values.count) values; at most \(Self.most)") }
        guard Set(values).count == values.count else { throw refuse("has a value twice") }
        self = .list(values)
    }

    /// The range that a word stands for; nil where it is none.
    private static func range(_ node: RecipeNode, _ refuse: (String) -> Failure) throws -> SweepValues? {
        guard let word = node.word, let match = word.wholeMatch(of: #/(log:)?([0-9+.eE-]+?)\.\.([0-9+.eE-]+)/#)
        else { return nil }
        let isLogarithmic = match.1 != nil
        let (first, last) = (String(match.2), String(match.3))
        if let low = Int(first), let high = Int(last), !isLogarithmic {
            guard low <= high else { throw refuse("has the range \(word), which ends before it begins") }
            let (count, overflows) = high.subtractingReportingOverflow(low)
            guard !overflows, count < most else {
                throw refuse("has the range \(word) of more than \(most) numbers")
            }
            return .list((low...high).map(String.init))
        }
        guard let low = Double(first), let high = Double(last), low.isFinite, high.isFinite, low < high else {
            throw refuse("has the range \(word), which is none: write LOW..HIGH")
        }
        guard !isLogarithmic || low > 0 else { throw refuse("has the range \(word): a logarithm needs low above 0") }
        return .interval(low: low, high: high, isLogarithmic: isLogarithmic)
    }

    /// As YAML; reads back equal.
    var node: RecipeNode {
        switch self {
        case .list(let values):
            .list(values.map { (try? RecipeNode(yaml: $0, origin: "")) ?? .text($0) })
        case .interval(let low, let high, let isLogarithmic):
            .word("\(isLogarithmic ? "log:" : "")\(low)..\(high)")
        }
    }

    /// A value at random: one of the list; a number of the interval, to three decimals of its mantissa.
    func draw(_ random: inout Philox) -> String {
        let uniform = Double(random.next() as UInt64 >> 11) / Double(1 << 53)
        switch self {
        case .list(let values): return values[min(values.count - 1, Int(uniform * Double(values.count)))]
        case .interval(let low, let high, let isLogarithmic):
            let value =
                isLogarithmic ? exp(log(low) + uniform * (log(high) - log(low))) : low + uniform * (high - low)
            let rounded = Double(String(format: "%.3e", value)) ?? value
            return RecipeNode.number(min(high, max(low, rounded))).flow
        }
    }
}
