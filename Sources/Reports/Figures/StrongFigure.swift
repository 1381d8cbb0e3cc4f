import Robustness

/// The accuracy of each model under the strongest attack that was run, beside that under the paper's.
enum StrongFigure {
    /// Nil where no attack that the paper could not know was run at more than one strength.
    static func figure(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) -> Figure? {
        let own = models.filter { $0.dataset == dataset }
        let attacks = own.flatMap(\.attacks).uniqued.filter(AttackTables.isStrong)
        let panels = attacks.compactMap { panel($0, dataset, own) }
        guard !panels.isEmpty else { return nil }
        return Figure(
            name: "strong-\(dataset)", title: "Accuracy under iterated attacks, \(title)",
            caption:
                "Solid and dashed as in the figure above: a model's accuracy under the attack named; crosses: the same "
                + "model under the paper's one-step attack in evaluation mode. Crosses above their curve: what one "
                + "step, though unclipped, overstates.",
            panels: panels)
    }

    private static func panel(_ attack: String, _ dataset: String, _ models: [EvaluatedModel]) -> Panel? {
        let measured = models.filter { $0.strengths(attack).count > 1 }
        let series = measured.enumerated().flatMap { place, model -> [AccuracyPanel.Series] in
            let line = Palette.line(model, place: place)
            func points(_ attack: String, at strengths: [Double]) -> [[Double]] {
                strengths.compactMap { strength in
                    (strength == 0 ? model.measurement("clean", 0) : model.measurement(attack, strength)).map {
                        [strength, 1 - $0.mean]
                    }
                }
            }
            let strengths = model.strengths(attack)
            let own = AccuracyPanel.Series(
                points: points(attack, at: strengths), style: "with lines \(line)", title: model.label)
            let oneStep = points("fgs-lmax", at: strengths)
            return oneStep.count > 1
                ? [own, AccuracyPanel.Series(points: oneStep, style: "with points pt 2 ps 0.6 \(line)")] : [own]
        }
        return AccuracyPanel.panel(fileName("strong", dataset, attack), title: attack, series)
    }
}
