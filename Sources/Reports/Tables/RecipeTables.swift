import Recipes
import Robustness

/// Tables of what recipes change, and to what effect.
package enum RecipeTables {
    /// The models that train on adversarial samples, beside the others under the same attacks.
    package static func robust(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        let trained = models.filter { isTrained($0) && $0.attacks.contains(where: AttackTables.isStrong) }
        guard !trained.isEmpty else { return [] }
        let attacks = trained.flatMap { $0.attacks.filter(AttackTables.isStrong) }.uniqued
        let columns = attacks.flatMap { attack in
            Set(trained.flatMap { $0.strengths(attack) }).filter { $0 > 0 }.sorted().suffix(3).map { (attack, $0) }
        }
        let others = models.filter { model in
            !isTrained(model) && columns.contains { model.measurement($0.0, $0.1) != nil }
        }
        return [
            Table(
                name: "robust-\(dataset)", title: "\(title): networks trained to withstand, and the others beside them",
                caption:
                    "Error; small type: the share rejected. Below the first rows, networks that never saw an attack.",
                columns: ["model", "training"] + ["clean"] + columns.map { "\($0.0) \(plainDecimal($0.1))" },
                noteTitle: "rejected",
                rows: (trained + others).map { model in
                    let kind = model.recipe?.adversarialTraining?.method.rawValue ?? "none"
                    let clean = cell(model.measurement("clean", 0))
                    return [Table.Cell(model.label), Table.Cell(kind, mark: .text), clean]
                        + columns.map { cell(model.measurement($0.0, $0.1)) }
                })
        ]
    }

    /// The models that the paper does not have, beside its best: what their recipes change, and whether they are better
    /// than its published row in every cell.
    package static func ablations(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> [Table] {
        guard let paper = PaperTable.all.first(where: { $0.dataset == dataset }),
            let base = models.first(where: { $0.label == paper.models[1] })
        else { return [] }
        let own = models.filter { $0.paperPlace == nil && $0.recipe != nil }
        guard !own.isEmpty else { return [] }
        let middle = paper.strengths[paper.strengths.count - 4]
        let readings = Reading.published + Reading.other.filter { $0.kind != .noisy }
        let rows = ([base] + own).map { model -> [Table.Cell] in
            let differences = base.recipe.flatMap { model.recipe?.comparedDifferences(from: $0) } ?? []
            let verdict = standing(paper, model)
            return [
                Table.Cell(model.label),
                Table.Cell(model.name == base.name ? "the paper's" : text(differences), mark: .text),
                Table.Cell("\(model.networks.count)"),
                cell(model.measurement("clean", 0) ?? model.measurement("fgs-lmax", 0)),
            ] + readings.map { cell(model.measurement($0.attack, middle)) }
                + [
                    Table.Cell(verdict.map { "\($0.good) of \($0.cells)" } ?? ""),
                    Table.Cell(
                        verdict.map { signed($0.sum) } ?? "",
                        mark: verdict.map { $0.good == $0.cells && $0.sum < 0 ? .better : .worse } ?? .plain),
                ]
        }
        return [
            Table(
                name: "ablations-\(dataset)", title: "\(title): recipes beside mReLU-r-m",
                caption:
                    "Errors at β \(plainDecimal(middle)). Cells: how many of the paper's table are no worse than "
                    + "published for mReLU-r-m, in evaluation mode; sum: of all differences. A recipe is better than "
                    + "the paper's best where all cells are no worse and the sum is below 0 (green).",
                columns: ["model", "recipe", "seeds", "clean"] + readings.map(\.title) + ["cells", "sum"], rows: rows)
        ]
    }

    /// How a model judged by evaluation-mode gradients stands beside the published row of mReLU-r-m. Nil where a cell
    /// of it was not measured.
    package static func standing(_ paper: PaperTable, _ model: EvaluatedModel) -> (good: Int, cells: Int, sum: Double)?
    {
        let readings = Reading.all.filter(\.isSound)
        var standing = (good: 0, cells: 0, sum: 0.0)
        for reading in readings {
            for strength in paper.strengths {
                guard let printed = paper.printed(reading.kind, paper.models[1], strength),
                    let ours = model.measurement(reading.attack, strength)
                else { return nil }
                standing.cells += 1
                // As printed, to three decimals.
                let difference = (ours.mean * 1000).rounded() / 1000 - printed
                if difference < 0.0005 { standing.good += 1 }
                standing.sum += difference
            }
        }
        return standing
    }

    /// The keys in which the recipes of a data set's models differ from the first's; a table a data set.
    static func differences(_ models: [EvaluatedModel]) -> [Table] {
        models.map(\.dataset).uniqued.compactMap { dataset in
            let own = models.filter { $0.dataset == dataset && $0.recipe != nil }
            guard let base = own.first, own.count > 1 else { return nil }
            return Table(
                name: fileName("recipes", dataset), title: "\(dataset): recipes beside that of \(base.label)",
                caption: "The keys that make a recipe another one; seeds and what changes no result are left out.",
                columns: ["model", "seeds", "differs in"],
                rows: own.map { model in
                    let differences = base.recipe.flatMap { model.recipe?.comparedDifferences(from: $0) } ?? []
                    let text = differences.isEmpty ? "nothing" : text(differences)
                    return [
                        Table.Cell(model.label), Table.Cell("\(model.networks.count)"),
                        Table.Cell(model.name == base.name ? "" : text, mark: .text),
                    ]
                })
        }
    }

    private static func isTrained(_ model: EvaluatedModel) -> Bool {
        model.recipe?.adversarialTraining != nil
    }

    private static func text(_ differences: [RecipeDifference]) -> String {
        differences.compactMap { difference in difference.value.map { "\(difference.key) \($0)" } }
            .joined(separator: "; ")
    }

    private static func cell(_ measurement: Measurement?) -> Table.Cell {
        guard let measurement else { return "" }
        return Table.Cell(
            decimal(measurement.mean), note: measurement.rejected > 0 ? decimal(measurement.rejected) : "")
    }
}
