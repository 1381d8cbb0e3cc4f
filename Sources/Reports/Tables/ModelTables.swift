import Robustness

/// All models of a data set under the readings of the paper's tables, a model a row.
enum ModelTables {
    static func tables(_ paper: PaperTable, _ models: [EvaluatedModel]) -> [Table] {
        let own = models.filter { $0.dataset == paper.dataset }
        return Reading.pairs.compactMap { reading in
            let measured = own.filter { $0.attacks.contains(reading.attack) }
            guard !measured.isEmpty else { return nil }
            let least = paper.strengths.map { strength in
                measured.compactMap { $0.measurement(reading.attack, strength)?.mean }.min()
            }
            return Table(
                name: "models-\(paper.dataset)-\(reading.kind.rawValue)-\(reading.mode.rawValue)",
                title: "All models, \(paper.title): \(reading.title)",
                caption: "Error, mean over the seeds\(measured.count > 1 ? "; the least of each column in bold" : "")."
                    + (reading.kind == .nonsense
                        ? " Class 12 of the -m networks is trained on noise that is nearly this nonsense." : ""),
                columns: ["model", "seeds"] + paper.strengths.map { "β " + plainDecimal($0) },
                rows: measured.map { model in
                    [Table.Cell(model.label), Table.Cell("\(model.networks.count)")]
                        + zip(paper.strengths, least).map { strength, least in
                            guard let mean = model.measurement(reading.attack, strength)?.mean else { return "" }
                            return Table.Cell(
                                decimal(mean), mark: mean == least && measured.count > 1 ? .strong : .plain)
                        }
                })
        }
    }
}
