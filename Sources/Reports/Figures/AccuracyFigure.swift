import Robustness

/// Figures 9 and 11: the accuracy of all models over the strength.
enum AccuracyFigure {
    /// Nil where no model of the data set was evaluated under any reading.
    static func figure(_ paper: PaperTable, _ models: [EvaluatedModel]) -> Figure? {
        let number = paper.number == 2 ? 9 : 11
        let own = models.filter { $0.dataset == paper.dataset }
        let panels = Reading.all.compactMap { panel(paper, number, $0, own) }
        guard !panels.isEmpty else { return nil }
        return Figure(
            name: "figure-\(number)", title: "Figure \(number): accuracy over strength, \(paper.title)",
            caption:
                "Lines: our networks, mean over the seeds; colour tells the activation function (orange none or ReLU, "
                + "green RBF, blue mReLU), dashes the training (solid -r-m, dashed -r, dotted none, dash-dot -a). "
                + "Rings: the paper's printed rows of plain and mReLU-r-m, made in batch mode. Nonsense counts as "
                + "right when no class accepts it; class 12 of the -m networks is trained on noise nearly like it. See "
                + "how the curves of the same networks fall sooner in evaluation mode, where the attack's gradient is "
                + "that of the network that is judged.",
            panels: panels)
    }

    private static func panel(
        _ paper: PaperTable, _ number: Int, _ reading: Reading, _ models: [EvaluatedModel]
    ) -> Panel? {
        let measured = models.filter { $0.attacks.contains(reading.attack) }
        guard !measured.isEmpty else { return nil }
        var script = ""
        var plots: [String] = []
        for (place, model) in measured.enumerated() {
            let rows = model.strengths(reading.attack).compactMap { strength in
                model.measurement(reading.attack, strength).map { [strength, 1 - $0.mean] }
            }
            script += Gnuplot.data("m\(place)", rows)
            plots.append(
                "$m\(place) with lines \(Palette.line(model, place: place)) title \(Gnuplot.quoted(model.label))")
        }
        let printed = [(paper.models[0], Palette.orange), (paper.models[1], Palette.blue)]
        for (place, (label, colour)) in printed.enumerated() {
            let rows = paper.strengths.compactMap { strength in
                paper.printed(reading.kind, label, strength).map { [strength, 1 - $0] }
            }
            script += Gnuplot.data("p\(place)", rows)
            plots.append(
                "$p\(place) with points pt 6 ps 0.75 lw 1.6 lc rgb '\(colour)' title "
                    + "\(Gnuplot.quoted("paper, \(label)"))"
            )
        }
        let rows = (plots.count + 2) / 3
        return Panel(
            name: "figure-\(number)-\(reading.kind.rawValue)-\(reading.mode.rawValue)", title: reading.title,
            height: 280 + 17 * rows,
            script: script + """
                set yrange [0:1]
                set xrange [0:\(paper.strengths.last ?? 1)]
                set xlabel 'strength β'
                set ylabel 'accuracy'
                set key below maxcols 3 font ',10' width -2 height 1
                plot \(plots.joined(separator: ", "))
                """)
    }
}
