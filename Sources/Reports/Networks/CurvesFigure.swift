import Robustness

/// Accuracy over strength: a panel for each attack that was run at more than one strength, a line for each model.
enum CurvesFigure {
    /// Nil where no attack was.
    static func figure(_ dataset: String, _ models: [EvaluatedModel]) -> Figure? {
        let panels = models.flatMap(\.attacks).uniqued.compactMap { panel($0, dataset, models) }
        guard !panels.isEmpty else { return nil }
        return Figure(
            name: fileName("curves", dataset), title: "\(dataset): accuracy over strength",
            caption: "1 less the error, mean over the seeds. Nonsense counts as right where no class accepts it.",
            panels: panels)
    }

    private static func panel(_ attack: String, _ dataset: String, _ models: [EvaluatedModel]) -> Panel? {
        let measured = models.filter { $0.strengths(attack).filter { $0 > 0 }.count > 1 }
        let series = measured.enumerated().map { place, model in
            let points = ([0] + model.strengths(attack)).uniqued.compactMap { strength in
                model.measurement(attack, strength).map { [strength, 1 - $0.mean] }
            }
            return AccuracyPanel.Series(
                points: points, style: "with linespoints pt 7 ps 0.4 \(Palette.line(model, place: place))",
                title: model.label)
        }
        return AccuracyPanel.panel(fileName("curve", dataset, attack), title: attack, series)
    }
}
