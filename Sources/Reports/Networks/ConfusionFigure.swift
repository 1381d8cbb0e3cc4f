import Checkpoints
import Robustness

/// Confusion on clean images: a panel for each model, labels down, predictions across.
enum ConfusionFigure {
    /// The most outputs that are drawn.
    private static let mostOutputs = 512
    /// The most outputs that are called by name.
    private static let mostNames = 32

    /// Nil where no clean samples were evaluated.
    static func figure(_ dataset: String, _ models: [EvaluatedModel]) -> Figure? {
        let panels = models.enumerated().compactMap { panel($1, dataset, number: $0) }
        guard !panels.isEmpty else { return nil }
        return Figure(
            name: fileName("confusion", dataset), title: "\(dataset): confusion on clean images",
            caption:
                "Shares of each label's samples (rows) by the output that is largest (columns); outputs behind the "
                + "classes are nonsense. Of each model the first network.",
            panels: panels)
    }

    private static func panel(_ model: EvaluatedModel, _ dataset: String, number: Int) -> Panel? {
        guard let network = model.networks.first else { return nil }
        let counts = network.folders.lazy.map { folder in
            CSVFile.rows(folder + "/confusion.csv").filter {
                $0.count == 6 && $0[0] == network.checkpoint && attackKind($0[1]) == .clean
            }.compactMap { fields -> SIMD3<Int>? in
                guard let label = Int(fields[3]), let prediction = Int(fields[4]), let count = Int(fields[5]),
                    (0..<mostOutputs).contains(label), (0..<mostOutputs).contains(prediction)
                else { return nil }
                return SIMD3(label, prediction, count)
            }
        }.first { !$0.isEmpty }
        guard let counts else { return nil }
        let (labels, outputs) = ((counts.map(\.x).max() ?? 0) + 1, (counts.map(\.y).max() ?? 0) + 1)
        var shares = [[Double]](repeating: [Double](repeating: 0, count: outputs), count: labels)
        for entry in counts { shares[entry.x][entry.y] += Double(entry.z) }
        let rows = shares.enumerated().flatMap { label, row -> [[Double]] in
            let sum = max(1, row.reduce(0, +))
            return row.enumerated().map { [Double($0), Double(label), $1 / sum] }
        }
        let names = outputs <= mostNames ? network.classNames() : nil
        return Panel(
            name: fileName("confusion", dataset, "\(number)"), title: model.label, width: 320, height: 300,
            script: Gnuplot.data("matrix", rows) + """
                unset grid
                set xlabel 'prediction'
                set ylabel 'label'
                set xrange [-0.5:\(Double(outputs) - 0.5)]
                set yrange [\(Double(labels) - 0.5):-0.5]
                set cbrange [0:1]
                set palette defined (0 '#f4f4f4', 1 '\(Palette.blue)')
                set border 15 lw 0.5
                \(tics(names, outputs: max(labels, outputs)))
                plot $matrix using 1:2:3 with image
                """)
    }

    /// The outputs' names at both axes, or numbers.
    private static func tics(_ names: [String]?, outputs: Int) -> String {
        guard let names else {
            let step = (outputs + 9) / 10
            return "set xtics 0, \(step)\nset ytics 0, \(step)"
        }
        let marks = (0..<outputs).map { output in
            let title = ClassNames.title(output, of: names, classes: names.count)
            return "\(Gnuplot.quoted(String(title.prefix(12)))) \(output)"
        }.joined(separator: ", ")
        return "set xtics rotate by 45 right (\(marks))\nset ytics (\(marks))"
    }
}
