import Essentials
import Foundation
import Robustness

/// Tables of one attack each: a model a row, a strength a column.
package enum AttackTables {
    /// True where an attack is one that the field evaluates robustness by, none of the paper's.
    package static func isStrong(_ attack: String) -> Bool {
        AttackSpecification(ofRow: attack)?.entry?.isAdversarial ?? false
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
        return tables(dataset, title, models) { attackKind($0) == .nonsense && !published.contains($0) }
            + families(dataset, title, models)
    }

    /// Noises and corruptions that the paper's tables do not have.
    package static func other(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        let published = Reading.all.map(\.attack)
        return tables(dataset, title, models) {
            attackKind($0) == .noise || attackKind($0) == .corruption ? !published.contains($0) : false
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
                caption: errorMeaning(attack)
                    + ", by strength, on \(span(samples)) samples; small type: the share rejected.",
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

    /// The families of `nonsense:family=all`, parts of one attack, from `parts.csv`: a table for each strength.
    private static func families(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        struct Part { let model, family: String, strength, error: Double }
        let parts = models.flatMap { model in
            model.networks.flatMap { network in
                network.folders.flatMap { CSVFile.rows($0 + "/parts.csv") }.compactMap { fields -> Part? in
                    guard fields.count == 10, fields[0] == network.checkpoint, attackKind(fields[2]) == .nonsense,
                        let slash = fields[2].lastIndex(of: "/"), let strength = Double(fields[3]),
                        let error = Double(fields[6])
                    else { return nil }
                    let family = String(fields[2][fields[2].index(after: slash)...])
                    return Part(model: model.label, family: family, strength: strength, error: error)
                }
            }
        }
        let families = parts.map(\.family).uniqued
        return Set(parts.map(\.strength)).sorted().map { strength in
            Table(
                name: fileName("nonsense-families", dataset, plainDecimal(strength)),
                title: "\(title): families of nonsense at β \(plainDecimal(strength))",
                caption: "Share that a class accepts, mean over the seeds.", columns: ["model"] + families,
                rows: parts.map(\.model).uniqued.map { model in
                    [Table.Cell(model)]
                        + families.map { family in
                            let errors = parts.filter {
                                $0.model == model && $0.family == family && $0.strength == strength
                            }.map(\.error)
                            return errors.isEmpty ? "" : Table.Cell(decimal(errors.reduce(0, +) / Double(errors.count)))
                        }
                })
        }
    }

    /// The worst case over all attacks in the ball, from `worst.csv`.
    static func worst(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> Table? {
        struct Worst { let model: String, strength, error: Double, strongest: String }
        let found = models.flatMap { model in
            model.networks.flatMap { network in
                network.folders.flatMap { CSVFile.rows($0 + "/worst.csv") }.compactMap { fields -> Worst? in
                    guard fields.count == 10, fields[0] == network.checkpoint, fields[1] == "ball",
                        let strength = Double(fields[2]), strength > 0, let error = Double(fields[5])
                    else { return nil }
                    return Worst(model: model.label, strength: strength, error: error, strongest: fields[8])
                }
            }
        }
        guard !found.isEmpty else { return nil }
        let strengths = Set(found.map(\.strength)).sorted()
        return Table(
            name: fileName("worst", dataset, ""),
            title: "\(title): error, at least: the worst of all attacks in the ball",
            caption:
                "Error where of each sample the worst attack counts, of those run; small type: the one that breaks the "
                + "most. Of several seeds the worst.",
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

/// The kind of the attack of a row; nil for one that this version does not know.
package func attackKind(_ attack: String) -> AttackKind? { AttackSpecification(ofRow: attack)?.entry?.kind }

/// The figure that tables of an attack show, as the beginning of a sentence.
func errorMeaning(_ attack: String) -> String {
    attackKind(attack) == .nonsense
        ? "Error: the share that a class accepts"
        : "Error: the share whose largest output, of all outputs, is not the label's"
}

/// A file's name of some words; what a file system might not take becomes a hyphen.
package func fileName(_ words: String...) -> String {
    let text = words.filter { !$0.isEmpty }.joined(separator: "-")
    let plain = text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" }
    return String(String(plain).prefix(120))
}
