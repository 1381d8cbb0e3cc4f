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
        guard !measured.isEmpty else { return nil }
        var script = ""
        var plots: [String] = []
        var most = 0.0
        for (place, model) in measured.enumerated() {
            let strengths = ([0] + model.strengths(attack)).uniqued
            most = max(most, strengths.last ?? 0)
            let rows = strengths.compactMap { strength in
                model.measurement(attack, strength).map { [strength, 1 - $0.mean] }
            }
            script += Gnuplot.data("a\(place)", rows)
            plots.append(
                "$a\(place) with linespoints pt 7 ps 0.4 \(Palette.line(model, place: place)) title "
                    + Gnuplot.quoted(model.label))
        }
        return Panel(
            name: fileName("curve", dataset, attack), title: attack, height: 270 + 17 * ((measured.count + 2) / 3),
            script: script + """
                set yrange [0:1]
                set xrange [0:\(most)]
                set xlabel 'strength'
                set ylabel 'accuracy'
                set key below maxcols 3 font ',10' width -2 height 1
                plot \(plots.joined(separator: ", "))
                """)
    }
}
