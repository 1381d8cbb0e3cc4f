import Foundation
import Recipes
import Robustness

/// The errors of several seeds of one model under one attack of one strength.
package struct Measurement {
    /// The errors, a seed each.
    package let errors: [Double]
    /// The mean share that was rejected.
    package let rejected: Double
    /// The samples of a seed.
    package let samples: Int

    /// Makes a measurement.
    package init(errors: [Double], rejected: Double, samples: Int) {
        (self.errors, self.rejected, self.samples) = (errors, rejected, samples)
    }

    /// The mean error.
    package var mean: Double { errors.reduce(0, +) / Double(errors.count) }
    /// The least and the largest error over the seeds.
    package var range: ClosedRange<Double> { (errors.min() ?? 0)...(errors.max() ?? 0) }

    /// True where a published figure, rounded to three decimals, lies between the least and the largest seed; nil for
    /// one seed, which has no spread.
    package func holds(_ published: Double) -> Bool? {
        guard errors.count > 1 else { return nil }
        let rounding = 0.000_500_001
        return (range.lowerBound - rounding...range.upperBound + rounding).contains(published)
    }
}

/// A model of the report: the networks that one recipe gave, a seed each.
package struct EvaluatedModel {
    /// The name of the recipe, of the run or of the file.
    package let name: String
    /// The data set's name.
    package let dataset: String
    /// Its networks, by seed.
    package let networks: [EvaluatedNetwork]

    /// The name in the paper, `mReLU-r-m`; the own name where the paper has no such model.
    package let label: String
    /// The recipe of its first network.
    package let recipe: Recipe?
    /// The place among the paper's models; nil where it is none of them.
    package let paperPlace: Int?

    /// The canonical attacks that any network of it was evaluated under.
    package let attacks: [String]
    /// The rows of each canonical attack, a network each.
    private let rows: [String: [[SummaryRow]]]

    package init(_ networks: [EvaluatedNetwork]) {
        let first = networks[0]
        (name, dataset) = (first.identity.name, first.dataset)
        self.networks = networks.sorted { $0.identity.seed ?? 0 < $1.identity.seed ?? 0 }
        let canonical = Dictionary(
            uniqueKeysWithValues: networks.flatMap { $0.rows.map(\.attack) }.uniqued.map { ($0, canonicalAttack($0)) })
        attacks = networks.flatMap { $0.rows.compactMap { canonical[$0.attack] } }.uniqued
        rows = Dictionary(
            uniqueKeysWithValues: attacks.map { attack in
                (attack, networks.map { $0.rows.filter { canonical[$0.attack] == attack } })
            })
        recipe = self.networks[0].recipe()
        let short = name.hasPrefix(dataset + "-") ? String(name.dropFirst(dataset.count + 1)) : name
        paperPlace = PaperModel.all.firstIndex { $0.name == short }
        label = paperPlace.map { PaperModel.all[$0].label } ?? name
    }

    /// The models of some networks: the paper's in its order, then others by name.
    package static func collect(_ networks: [EvaluatedNetwork]) -> [EvaluatedModel] {
        let groups = Dictionary(grouping: networks) { [$0.dataset, $0.identity.name] }
        return groups.values.map(EvaluatedModel.init).sorted {
            ($0.dataset, $0.paperPlace ?? .max, $0.name) < ($1.dataset, $1.paperPlace ?? .max, $1.name)
        }
    }

    /// The directory of data sets that its recipe names.
    var dataDirectory: String? {
        recipe?.dataDirectory
    }

    /// The strengths of an attack.
    package func strengths(_ attack: String) -> [Double] {
        Set((rows[attack] ?? []).joined().map(\.strength)).sorted()
    }

    /// The errors under an attack of a strength; of each network the row of most samples. An attack on images without a
    /// row at 0 has there what `clean` gave.
    package func measurement(_ attack: String, _ strength: Double) -> Measurement? {
        let rows = (rows[attack] ?? []).compactMap { own in
            own.filter { abs($0.strength - strength) < 1e-9 }.max { $0.samples < $1.samples }
        }
        guard !rows.isEmpty else {
            let isImage = attackKind(attack).map { $0 != .nonsense && $0 != .clean } ?? false
            return strength == 0 && isImage && attacks.contains(attack)
                ? measurement("clean", 0) : nil
        }
        return Measurement(
            errors: rows.map(\.error), rejected: rows.map(\.rejected).reduce(0, +) / Double(rows.count),
            samples: rows.map(\.samples).min() ?? 0)
    }
}

/// An attack's text in its canonical form; as it is where it is none.
package func canonicalAttack(_ verbatim: String) -> String {
    (try? AttackSpecification(verbatim))?.canonical ?? verbatim
}
