import Essentials
import Recipes

/// The section of a page on a sweep: the table of configurations, the front of clean against attacked error.
enum SweepSection {
    /// The section of a sweep's directory; nil for another directory.
    ///
    /// - Parameter name: its anchor, with which the names of its table and figure begin.
    /// - Throws: `Failure` as `SweepResults`.
    static func section(_ path: String, name: String) throws -> Page.Section? {
        guard SweepDirectory.isSweep(path) else { return nil }
        let sweep = try SweepDirectory.sweep(in: path)
        let results = try SweepResults(SweepDirectory(path, sweep, runs: try sweep.runs()))
        let notes: [HTML] = results.notes.map { "<p>\($0)</p>" }
        var section = Page.Section(
            name: name, title: "Sweep", text: .joined(notes), blocks: [.tables([table(results, name)])])
        if let figure = front(results, name) { section.blocks.append(.figure(figure)) }
        return section
    }

    private static func table(_ results: SweepResults, _ name: String) -> Table {
        let front = Set(results.front.map(\.number))
        let best = results.best?.number
        let rows = results.configurations.map { own -> [Table.Cell] in
            func cell(_ figure: (SweepResult) -> Double?) -> Table.Cell {
                guard let measured = own.measured(figure) else { return "" }
                let (low, high) = (measured.range.lowerBound, measured.range.upperBound)
                return Table.Cell(
                    decimal(measured.mean), note: low < high ? "\(decimal(low))–\(decimal(high))" : "",
                    mark: own.number == best ? .better : .plain)
            }
            let run = own.results[0].run
            let seconds = own.results.reduce(0) { $0 + $1.seconds }
            return [Table.Cell(String(run.path.prefix { $0 != "-" && $0 != "/" }))]
                + run.values.map { Table.Cell($0) }
                + [
                    Table.Cell("\(own.results.count)"),
                    Table.Cell(own.results.map(\.state.rawValue).uniqued.joined(separator: ", "), mark: .text),
                    cell(\.validation), cell(\.validationAttacked), cell(\.clean), cell(\.attacked),
                    Table.Cell(fixed(seconds, 1)), Table.Cell(front.contains(own.number) ? "front" : ""),
                ]
        }
        return Table(
            name: name, title: "Configurations",
            caption:
                "Errors, the mean over seeds, small type: the least and the largest; green: the best by what may "
                + "choose. Clean and attacked are those of the evaluation, attacked under the attack and strength that "
                + "break the most. Front: no other is better in one of the two and no worse in the other. A click on a "
                + "heading sorts.",
            columns: ["number"] + results.directory.sweep.keys
                + ["runs", "state", "validation", "validation, attacked", "clean", "attacked", "seconds", "front"],
            isSortable: true, rows: rows)
    }

    /// Nil where fewer than two configurations have both errors.
    private static func front(_ results: SweepResults, _ name: String) -> Figure? {
        func point(_ own: SweepConfiguration) -> (number: Int, clean: Double, attacked: Double)? {
            guard let clean = own.measured(\.clean), let attacked = own.measured(\.attacked) else { return nil }
            return (own.number, clean.mean, attacked.mean)
        }
        let points = results.configurations.filter(\.isFinished).compactMap(point)
        let front = results.front.compactMap(point).sorted { ($0.clean, $0.attacked) < ($1.clean, $1.attacked) }
        guard points.count > 1, !front.isEmpty else { return nil }
        let labels = points.map { "\"\($0.number)\" \($0.clean) \($0.attacked)" }.joined(separator: "\n")
        let script =
            Gnuplot.data("front", front.map { [$0.clean, $0.attacked] }) + """
                $points << EOD
                \(labels)
                EOD
                set xlabel 'error, clean'
                set ylabel 'error, attacked'
                set offsets graph 0.08, graph 0.08, graph 0.08, graph 0.08
                plot $front with lines lw 1.5 lc rgb '\(Palette.green)', \
                $points using 2:3 with points pt 7 ps 0.7 lc rgb '\(Palette.blue)', \
                $points using 2:3:1 with labels offset 0.8,0.6 font ',10'
                """
        return Figure(
            name: name + "-front", title: "Clean against attacked error",
            caption: "A point for each configuration, by its number; the line joins the front.",
            panels: [Panel(name: name + "-front", width: 520, height: 380, script: script)])
    }
}
