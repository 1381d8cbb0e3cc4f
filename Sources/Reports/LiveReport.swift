import Checkpoints
import Essentials
import Foundation
import Robustness

/// A page on a run while it goes on: loss, error and rate by step, the errors of each epoch, and what attacks did to
/// each checkpoint where the run is evaluated beside its training. The page loads itself anew while the run goes on.
public final class LiveReport {
    private let run: String
    private let output: String
    private let gnuplot: Gnuplot
    private var metrics: RunMetrics

    /// Seconds between two pages.
    private let interval: Double

    /// Gets ready.
    ///
    /// - Throws: `Failure` 66 where there is no such run, 69 where gnuplot is not installed, 73 where the output
    ///   directory cannot be made.
    public init(of run: String, output: String, interval: Double = 5) throws {
        // A run that begins has its lock first.
        let isRun = [RunLayout.lock, RunLayout.recipe, RunLayout.metrics].contains {
            FileManager.default.fileExists(atPath: "\(run)/\($0)")
        }
        guard FileManager.default.isDirectory(run), isRun else {
            throw Failure(.noInput, "\(run) is no directory of a run: name the run to watch")
        }
        (self.run, self.output, self.interval) = (run, output, interval)
        gnuplot = try Gnuplot()
        metrics = RunMetrics(run: run, steps: true)
        try FileManager.default.makeDirectory(output)
    }

    /// Rewrites the page until the run has ended; the last page no longer loads itself. A run that was killed may be
    /// resumed: it is waited for.
    ///
    /// - Parameter started: called when the first page is there.
    /// - Throws: `Failure` 66 where the run's directory vanishes, 70, 73 or 74 where the page cannot be drawn or
    ///   written.
    public func watch(started: () -> Void = {}) throws {
        var isFirst = true
        while true {
            guard FileManager.default.isDirectory(run) else {
                throw Failure(.noInput, "\(run) vanished while it was watched")
            }
            try metrics.readOn()
            // What was read until now; an end that comes later is seen the next time.
            let hasEnded = metrics.hasEnded
            try PageFiles.writePage(page(), to: output, with: gnuplot)
            if isFirst { started() }
            isFirst = false
            if hasEnded { return }
            Thread.sleep(forTimeInterval: interval)
        }
    }

    private func page() -> Page {
        let name = NetworkName(path: run)
        let title = name.name + (name.seed.map { ", seed \($0)" } ?? "")
        let last = metrics.steps.last
        let state: HTML =
            metrics.hasEnded
            ? "<p>The run has ended.</p>"
            : "<p>The run goes on; this page loads itself anew every \(Int(max(1, interval.rounded()))) seconds.</p>"
        let cards: [HTML] = [
            ("step", last.map { "\($0.step)" }), ("epoch", metrics.epochs.last.map { "\($0.epoch + 1)" }),
            ("loss", last.map { fixed($0.loss, 4) }),
            ("training error", last.map { decimal($0.error) }),
            ("training error, images", metrics.epochs.last?.imageError.map(decimal)),
            ("training error, drawn samples", metrics.epochs.last?.drawnError.map(decimal)),
            ("images a second", last.map { fixed($0.rate, 0) }),
            ("validation error", metrics.epochs.last?.validation.map(decimal)),
            ("validation error, attacked", metrics.epochs.last?.attacked.map(decimal)),
        ].compactMap { name, value in
            value.map { "<div class=\"card\"><b>\($0)</b><span>\(name)</span></div>" }
        }
        var blocks: [Page.Block] = []
        if metrics.steps.count > 1 { blocks.append(.figure(curves)) }
        if let figure = robustness { blocks.append(.figure(figure)) }
        if !metrics.epochs.isEmpty { blocks.append(.tables([epochs])) }
        return Page(
            title: title, introduction: "\(state)<div class=\"cards\">\(.joined(cards))</div>",
            sections: [Page.Section(name: "training", title: "Training", blocks: blocks)],
            refresh: metrics.hasEnded ? nil : Int(max(1, interval.rounded())))
    }

    private var curves: Figure {
        let data = Gnuplot.data("steps", metrics.steps.map { [Double($0.step), $0.loss, $0.error, $0.rate] })
        let panels = [(2, "loss", "loss"), (3, "error", "error of the batch"), (4, "rate", "images a second")].map {
            column, name, title in
            Panel(
                name: "live-" + name, title: title,
                script: data + """
                    set xlabel 'step'
                    \(column == 2 ? "set logscale y" : "set yrange [0:*]")
                    plot $steps using 1:\(column) with lines lw 1 lc rgb '\(Palette.blue)'
                    """)
        }
        return Figure(
            name: "live", title: "By step",
            caption: "Loss (logarithmic), error and rate of the global batch of each step.",
            panels: panels)
    }

    /// The errors of each checkpoint under attack; nil where the run is not evaluated beside its training.
    private var robustness: Figure? {
        guard !metrics.attacked.isEmpty else { return nil }
        let attacks = metrics.attacked.map(\.attack).uniqued
        let panels = attacks.enumerated().map { number, attack -> Panel in
            let own = metrics.attacked.filter { $0.attack == attack }
            var script = ""
            var plots: [String] = []
            for (place, strength) in Set(own.map(\.strength)).sorted().enumerated() {
                let rows = own.filter { $0.strength == strength }.sorted { $0.step < $1.step }
                script += Gnuplot.data("s\(place)", rows.map { [Double($0.step), $0.error] })
                let colour = ([Palette.blue, Palette.green, Palette.orange, Palette.red] + Palette.others)[place % 9]
                plots.append(
                    "$s\(place) with linespoints pt 7 ps 0.4 lc rgb '\(colour)' title '\(plainDecimal(strength))'")
            }
            return Panel(
                name: "live-attack-\(number)", title: attack,
                script: script + """
                    set xlabel 'step'
                    set yrange [0:1]
                    set key outside right
                    plot \(plots.joined(separator: ", "))
                    """)
        }
        return Figure(
            name: "live-attacks", title: "Robust error of each checkpoint",
            caption: "Error by step, a curve for each strength.", panels: panels)
    }

    private var epochs: Table {
        // A column for what some epoch has.
        let errors: [(title: String, value: (RunMetrics.Epoch) -> Double?)] = [
            ("images", \.imageError), ("drawn", \.drawnError), ("validation", \.validation),
            ("validation, attacked", \.attacked),
        ].filter { column in metrics.epochs.contains { column.1($0) != nil } }
        return Table(
            name: "epochs", title: "By epoch", caption: "Means over the epoch; the newest first.",
            columns: ["epoch", "step", "loss", "error"] + errors.map(\.title) + ["images/s"],
            rows: metrics.epochs.reversed().map { epoch in
                [
                    Table.Cell("\(epoch.epoch + 1)"), Table.Cell("\(epoch.step)"),
                    Table.Cell(fixed(epoch.loss, 4)), Table.Cell(decimal(epoch.error)),
                ] + errors.map { Table.Cell($0.value(epoch).map(decimal) ?? "") }
                    + [Table.Cell(fixed(epoch.rate, 0))]
            })
    }
}
