import Robustness

/// The figures at the head of the page.
enum Cards {
    /// The cards of the paper's data sets; `rows` say the epochs of the networks.
    static func html(_ models: [EvaluatedModel], _ rows: [NetworkRow]) -> HTML {
        let cards = PaperTable.all.flatMap { ofTable($0, models, rows) }
        return cards.isEmpty ? "" : "<div class=\"cards\">\(.joined(cards))</div>"
    }

    private static func ofTable(_ paper: PaperTable, _ models: [EvaluatedModel], _ rows: [NetworkRow]) -> [HTML] {
        let name = paper.models[1]
        guard let model = models.first(where: { $0.dataset == paper.dataset && $0.label == name }) else { return [] }
        let own = Set(model.networks.map(\.checkpoint))
        let epochs = rows.filter { own.contains($0.checkpoint) && !$0.epoch.isEmpty }.map(\.epoch).uniqued
        let label = name + (epochs.isEmpty ? "" : ", epoch \(epochs.joined(separator: " and "))")
        let strength = paper.headline
        func card(_ measurement: Measurement?, _ what: String, printed: Double?) -> HTML? {
            measurement.map { ours in
                let beside = printed.map { "; the paper \(decimal($0))" } ?? ""
                return "<div class=\"card\"><b>\(decimal(ours.mean))</b><span>\(what)\(beside)</span></div>"
            }
        }
        func adversarial(_ attack: String, _ mode: String) -> HTML? {
            card(
                model.measurement(attack, strength),
                "\(paper.title), \(label): error under the paper's attack at β \(plainDecimal(strength)), \(mode)",
                printed: paper.printed(.adversarial, name, strength))
        }
        let strong =
            model.attacks.first { attackKind($0) == .suite } ?? model.attacks.first(where: AttackTables.isStrong)
        let radius = strong.flatMap { model.strengths($0).first { $0 > 0 } }
        return [
            card(
                model.measurement("clean", 0) ?? model.measurement("fgs-lmax", 0),
                "\(paper.title), \(label): error on clean images",
                printed: paper.printed(.adversarial, name, 0)),
            adversarial("fgs-lmax:gradient-mode=batch", "batch mode"), adversarial("fgs-lmax", "evaluation mode"),
            strong.flatMap { attack in
                radius.flatMap { radius in
                    card(
                        model.measurement(attack, radius),
                        "\(paper.title), \(label): error under \(attack) at \(plainDecimal(radius)), which the paper "
                            + "could not know",
                        printed: nil)
                }
            },
        ].compactMap { $0 }
    }
}
