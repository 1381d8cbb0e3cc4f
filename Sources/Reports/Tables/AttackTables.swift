import Essentials
import Foundation
import Robustness

/// Tables of one attack each: a model a row, a strength a column.
package enum AttackTables {
    /// Whether an attack is one that the paper could not know: none of its own, no noise, no nonsense.
    package static func isStrong(_ attack: String) -> Bool {
        let name = attack.prefix { $0 != ":" }
        return !["clean", "fgs-lmax", "nonsense", "corruptions"].contains(name) && !name.hasPrefix("noise-")
    }

    /// All attacks.
    package static func all(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        tables(dataset, title, models) { _ in true }
    }

    /// The attacks that the paper could not know, and the worst case over all in the ball.
    package static func strong(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        tables(dataset, title, models, where: isStrong) + [worst(dataset, title, models)].compactMap { $0 }
    }

    /// Nonsense other than the paper's.
    package static func nonsense(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        let published = Reading.all.map(\.attack)
        return tables(dataset, title, models) { $0.hasPrefix("nonsense") && !published.contains($0) }
            + models.flatMap { families(dataset, title, $0) }
    }

    /// Noises and corruptions that the paper's tables do not have.
    package static func other(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        let published = Reading.all.map(\.attack)
        return tables(dataset, title, models) {
            !isStrong($0) && !$0.hasPrefix("nonsense") && !$0.hasPrefix("fgs-lmax") && $0 != "clean"
                && !published.contains($0)
        }
    }

    private static func tables(
        _ dataset: String, _ title: String, _ models: [EvaluatedModel], where isWanted: (String) -> Bool
    ) -> [Table] {
        models.flatMap(\.attacks).uniqued.filter(isWanted).map { attack in
            let own = models.filter { $0.attacks.contains(attack) }
            let strengths = Set(own.flatMap { $0.strengths(attack) }).sorted()
            let samples = own.compactMap { model in
                strengths.compactMap { model.measurement(attack, $0)?.samples }.min()
            }
            return Table(
                name: fileName("attack", dataset, attack), title: "\(title): \(attack)",
                caption: "Error by strength, on \(span(samples)) samples.",
                columns: ["model"] + strengths.map(plainDecimal), noteTitle: "rejected",
                rows: own.map { model in
                    [Table.Cell(model.label)]
                        + strengths.map { strength in
                            guard let measured = model.measurement(attack, strength) else { return "" }
                            return Table.Cell(
                                decimal(measured.mean), note: measured.rejected > 0 ? decimal(measured.rejected) : "")
                        }
                })
        }
    }

    /// The families of `nonsense:family=all`, parts of one attack, from `parts.csv`.
    private static func families(_ dataset: String, _ title: String, _ model: EvaluatedModel) -> [Table] {
        let rows = model.networks.flatMap { network in
            network.folders.flatMap { folder -> [[String]] in
                CSVFile.rows(folder + "/parts.csv").filter {
                    $0.count == 10 && $0[0] == network.checkpoint && $0[2].hasPrefix("nonsense") && $0[2].contains("/")
                }
            }
        }
        guard !rows.isEmpty else { return [] }
        let parts = rows.map { $0[2] }.uniqued
        let strengths = Set(rows.compactMap { Double($0[3]) }).sorted()
        return [
            Table(
                name: fileName("nonsense-families", dataset, model.name),
                title: "\(title), \(model.label): families of nonsense",
                caption: "Share that a class accepts, by family and strength; mean over the seeds.",
                columns: ["family"] + strengths.map(plainDecimal),
                rows: parts.map { part in
                    [Table.Cell(String(part.drop { $0 != "/" }.dropFirst()))]
                        + strengths.map { strength in
                            let errors = rows.filter { $0[2] == part && Double($0[3]) == strength }.compactMap {
                                Double($0[6])
                            }
                            return errors.isEmpty ? "" : Table.Cell(decimal(errors.reduce(0, +) / Double(errors.count)))
                        }
                })
        ]
    }

    /// The worst case over all attacks in the ball, from `worst.csv`.
    private static func worst(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> Table? {
        struct Worst { let model: String, strength, error: Double, strongest: String }
        let found = models.flatMap { model in
            model.networks.flatMap { network in
                network.folders.flatMap { CSVFile.rows($0 + "/worst.csv") }.compactMap { fields -> Worst? in
                    guard fields.count == 10, fields[0] == network.checkpoint, fields[1] == "ball",
                        let strength = Double(fields[2]), let error = Double(fields[5])
                    else { return nil }
                    return Worst(model: model.label, strength: strength, error: error, strongest: fields[8])
                }
            }
        }
        guard !found.isEmpty else { return nil }
        let strengths = Set(found.map(\.strength)).sorted()
        return Table(
            name: fileName("worst", dataset, ""), title: "\(title): the worst of all attacks in the ball",
            caption:
                "Error where of each sample the worst attack counts, of those run; small type: the one that breaks the most. "
                + "Of several seeds the worst.",
            columns: ["model"] + strengths.map(plainDecimal), noteTitle: "strongest",
            rows: found.map(\.model).uniqued.map { model in
                [Table.Cell(model)]
                    + strengths.map { strength in
                        let worst = found.filter { $0.model == model && $0.strength == strength }.max {
                            $0.error < $1.error
                        }
                        return worst.map { Table.Cell(decimal($0.error), note: $0.strongest) } ?? ""
                    }
            })
    }

    private static func span(_ counts: [Int]) -> String {
        guard let low = counts.min(), let high = counts.max() else { return "no" }
        return low == high ? "\(low)" : "\(low) to \(high)"
    }
}

/// A file's name of some words; what a file system might not take becomes a hyphen.
package func fileName(_ words: String...) -> String {
    let text = words.filter { !$0.isEmpty }.joined(separator: "-")
    let plain = text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" }
    return String(String(plain).prefix(120))
}
