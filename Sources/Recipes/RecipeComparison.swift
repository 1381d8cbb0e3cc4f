import Essentials

/// A key in which two recipes differ.
public struct RecipeDifference: Equatable, Sendable {
    /// The dotted key; a section that only one of the two has counts as one key.
    public let key: String
    /// The values as YAML; nil where a recipe has no such key (an open one of `layer_rates`).
    public let value, other: String?

    /// The reason why a run cannot go on with the value, where that is not plain.
    public internal(set) var reason: String?

    /// The sentence on a run that was started with the other recipe: `epochs: 2 in the run, 3 asked for`.
    public var text: String {
        "\(key): \(other ?? "none") in the run, \(value ?? "none") asked for" + (reason.map { ", and \($0)" } ?? "")
    }
}

extension Recipe {
    /// The recipe as YAML: every value, always in this order. `parse(yaml:)` of it gives an equal recipe.
    public var yaml: String { mapping { _ in true }.yaml() }

    /// The recipe of a network that comes from another program: every value but `mean_image`, so that a run that starts
    /// from the network keeps its mean image.
    public var importedYAML: String { mapping { $0.name != Self.meanImageKey }.yaml() }

    /// The SHA-256, in hexadecimal, of all values that change the result.
    public var digest: String {
        let digest = Essentials.Digest()
        digest.update(mapping { $0.effect == .result }.yaml())
        return digest.finish().hexadecimal
    }

    /// The differences from another recipe, in the order of `yaml`, that change the result of a run.
    public func resultDifferences(from other: Recipe) -> [RecipeDifference] {
        differences(from: other) { $0.effect == .result }
    }

    /// The differences from the recipe of a run that is to go on with this one, in the order of `yaml`, that would make
    /// its steps so far others.
    public func resumeDifferences(from run: Recipe) -> [RecipeDifference] {
        let growing = Dictionary(
            uniqueKeysWithValues: Self.keys.compactMap { key in key.facts.mayGrow.map { (key.name, $0(self)) } })
        return resultDifferences(from: run).compactMap { difference in
            guard let reason = growing[difference.key] else { return difference }
            guard let reason else { return nil }
            var explained = difference
            explained.reason = reason
            return explained
        }
    }

    /// The differences from another recipe, in the order of `yaml`, that make it another recipe: all that change the
    /// result, but the seed. Each key of a section that is on here alone counts by itself.
    public func comparedDifferences(from other: Recipe) -> [RecipeDifference] {
        differences(from: other, where: \.isCompared).flatMap { difference in
            guard let section = mapping(where: { $0.name == difference.key })[difference.key],
                let keys = section.entries
            else { return [difference] }
            return keys.map {
                RecipeDifference(key: "\(difference.key).\($0.key)", value: $0.value.flow, other: nil)
            }
        }
    }

    /// The values that change no result and yet have to be the same on all ranks: by them they know what comes next.
    package var agreedValues: [(name: String, value: String)] {
        Self.keys.flatMap { key -> [(name: String, value: String)] in
            let value = key.write(self)
            if key.facts.isAgreed { return [(key.name, value.flow)] }
            return (key.facts.inner ?? []).filter(\.isAgreed).map {
                ("\(key.name).\($0.name)", value[$0.name]?.flow ?? "none")
            }
        }
    }

    private func mapping(where wanted: (RecipeKeyFacts) -> Bool) -> RecipeNode {
        .mapping(Self.keys.filter { wanted($0.facts) }.map { ($0.name, $0.write(self)) })
    }

    private func differences(
        from other: Recipe, where wanted: (RecipeKeyFacts) -> Bool
    ) -> [RecipeDifference] {
        mapping(where: wanted).differences(from: other.mapping(where: wanted))
    }
}

extension RecipeNode {
    func differences(from other: RecipeNode, prefix: String = "") -> [RecipeDifference] {
        let own = entries ?? []
        let gone = (other.entries ?? []).filter { self[$0.key] == nil }
        let changed = own.flatMap { key, value -> [RecipeDifference] in
            if let old = other[key], value.entries != nil, old.entries != nil {
                return value.differences(from: old, prefix: "\(prefix)\(key).")
            }
            let old = other[key]?.flow
            return value.flow == old ? [] : [RecipeDifference(key: prefix + key, value: value.flow, other: old)]
        }
        return changed + gone.map { RecipeDifference(key: prefix + $0.key, value: nil, other: $0.value.flow) }
    }
}
