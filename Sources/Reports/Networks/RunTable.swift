import Robustness

/// The table of runs: a network a row.
enum RunTable {
    /// One table; none where there is no network.
    static func tables(_ models: [EvaluatedModel], _ origins: [NetworkRow]) -> [Table] {
        let networks = models.flatMap { model in model.networks.map { (model: model, network: $0) } }
        guard !networks.isEmpty else { return [] }
        let rows = networks.map { model, network -> [Table.Cell] in
            let origin = origins.last { $0.checkpoint == network.checkpoint }
            let clean = network.rows.first { attackKind($0.attack) == .clean }
            let worst = network.rows.filter { AttackTables.isStrong($0.attack) && $0.strength > 0 }
                .max { ($0.error, $1.strength) < ($1.error, $0.strength) }
            return [
                Table.Cell(model.label), Table.Cell(network.dataset), Table.Cell(origin?.split ?? ""),
                Table.Cell(origin?.seed ?? network.identity.seed.map(String.init) ?? ""),
                Table.Cell(origin?.step ?? network.identity.step.map(String.init) ?? ""),
                Table.Cell(origin?.epoch ?? ""), Table.Cell(samples(network)),
                Table.Cell(clean.map { decimal($0.error) } ?? ""),
                Table.Cell(worst.map { decimal($0.error) } ?? ""),
                Table.Cell(worst.map { "\($0.attack) at \(plainDecimal($0.strength))" } ?? "", mark: .text),
            ]
        }
        return [
            Table(
                name: "networks", title: "Networks",
                caption:
                    "Error, the share whose largest output is not the label's: on clean images, and under the attack "
                    + "and strength of those run that breaks the most. A click on a heading sorts.",
                columns: [
                    "network", "data", "split", "seed", "step", "epoch", "samples", "clean", "attacked", "by",
                ], isSortable: true, rows: rows)
        ]
    }

    private static func samples(_ network: EvaluatedNetwork) -> String {
        let counts = Set(network.rows.map(\.samples)).sorted()
        guard let fewest = counts.first, let most = counts.last else { return "" }
        return fewest == most ? "\(most)" : "\(fewest)–\(most)"
    }
}
