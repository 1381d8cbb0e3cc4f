import Foundation

/// Learning curves: loss and error of each epoch.
enum LearningFigure {
    /// Of the models whose runs are there; the first seed of each. Nil where there is none.
    ///
    /// - Throws: `Failure` 74 where a run's metrics cannot be read.
    static func figure(_ dataset: String, _ title: String, _ models: [EvaluatedModel]) throws -> Figure? {
        var script = ""
        var hasDrawn = false
        var curves: [(data: String, style: String)] = []
        for (place, model) in models.enumerated() {
            guard let run = model.networks.first?.run else { continue }
            var metrics = RunMetrics(run: run, steps: false)
            try metrics.readOn()
            guard !metrics.epochs.isEmpty else { continue }
            script += Gnuplot.data(
                "m\(place)",
                metrics.epochs.map {
                    [Double($0.epoch + 1), $0.loss, $0.imageError ?? $0.error, $0.drawnError ?? .nan]
                })
            hasDrawn = hasDrawn || metrics.epochs.contains { $0.drawnError != nil }
            curves.append(
                (
                    "$m\(place)",
                    "with \(metrics.epochs.count > 1 ? "lines" : "points pt 7 ps 0.6") "
                        + "\(Palette.line(model, place: place)) title \(Gnuplot.quoted(model.label))"
                ))
        }
        guard !curves.isEmpty else { return nil }
        let columns =
            hasDrawn
            ? [
                (2, "loss", "mean loss"), (3, "error", "training error of images"),
                (4, "drawn", "training error of drawn samples"),
            ] : [(2, "loss", "mean loss"), (3, "error", "training error")]
        let panels = columns.map { column, name, label in
            Panel(
                name: fileName("learning", dataset, name), title: label, height: 270 + 17 * ((curves.count + 2) / 3),
                script: script + """
                    set logscale y
                    set xlabel 'epoch'
                    set ylabel '\(label)'
                    set key below maxcols 3 font ',10' width -2 height 1
                    plot \(curves.map { "\($0.data) using 1:\(column) \($0.style)" }.joined(separator: ", "))
                    """)
        }
        return Figure(
            name: fileName("learning", dataset), title: "Learning curves, \(title)",
            caption:
                "Mean loss of each epoch over the training samples as they were drawn, random and mean samples "
                + "included; the errors of images of the data set and of drawn samples apart; logarithmic. Losses of "
                + "plain and robust networks are different functions: compare their shapes only. Of each model the "
                + "first seed.",
            panels: panels)
    }
}
