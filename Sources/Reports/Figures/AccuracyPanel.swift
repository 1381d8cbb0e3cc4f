/// Accuracy over strength: the curves of one attack.
enum AccuracyPanel {
    /// A curve.
    struct Series {
        /// Strength and accuracy of each point.
        let points: [[Double]]
        /// gnuplot's style: `with lines dt 1`.
        let style: String
        /// Its name in the key; nil for none.
        var title: String?
    }

    /// Nil without a curve.
    static func panel(_ name: String, title: String, _ series: [Series]) -> Panel? {
        guard !series.isEmpty else { return nil }
        let data = series.enumerated().map { Gnuplot.data("a\($0)", $1.points) }.joined()
        let plots = series.enumerated().map { place, own in
            "$a\(place) \(own.style)" + (own.title.map { " title \(Gnuplot.quoted($0))" } ?? "")
        }
        let most = series.flatMap(\.points).compactMap(\.first).max() ?? 0
        let titled = series.count { $0.title != nil }
        return Panel(
            name: name, title: title, height: 270 + 17 * ((titled + 2) / 3),
            script: data + """
                set yrange [0:1]
                set xrange [0:\(most)]
                set xlabel 'strength'
                set ylabel 'accuracy'
                set key below maxcols 3 font ',10' width -2 height 1
                plot \(plots.joined(separator: ", "))
                """)
    }
}
