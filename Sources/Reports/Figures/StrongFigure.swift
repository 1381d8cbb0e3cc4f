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
                "Solid and dashed as in the figure above: a model's accuracy under the attack named; crosses: the "
                + "same model under "
                + "the paper's one-step attack in evaluation mode. Crosses above their curve: what one step, though "
                + "unclipped, overstates.",
            panels: panels)
    }

    private static func panel(_ attack: String, _ dataset: String, _ models: [EvaluatedModel]) -> Panel? {
        var script = ""
        var plots: [String] = []
        var most = 0.0
        let measured = models.filter { $0.strengths(attack).count > 1 }
        for (place, model) in measured.enumerated() {
            let line = Palette.line(model, place: place)
            let strengths = model.strengths(attack)
            most = max(most, strengths.last ?? 0)
            func rows(_ attack: String) -> [[Double]] {
                strengths.compactMap { strength in
                    (strength == 0 ? model.measurement("clean", 0) : model.measurement(attack, strength)).map {
                        [strength, 1 - $0.mean]
                    }
                }
            }
            script += Gnuplot.data("a\(place)", rows(attack))
            plots.append("$a\(place) with lines \(line) title \(Gnuplot.quoted(model.label))")
            let oneStep = rows("fgs-lmax")
            guard oneStep.count > 1 else { continue }
            script += Gnuplot.data("b\(place)", oneStep)
            plots.append("$b\(place) with points pt 2 ps 0.6 \(line)")
        }
        guard !plots.isEmpty else { return nil }
        return Panel(
            name: fileName("strong", dataset, attack), title: attack, height: 270 + 17 * ((measured.count + 2) / 3),
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
