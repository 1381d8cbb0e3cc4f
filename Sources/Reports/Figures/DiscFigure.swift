import Foundation
import Kernels

/// Figure 6: the unit disc by 1-D units, and what more units make of it.
enum DiscFigure {
    static var figure: Figure {
        Figure(
            name: "figure-6", title: "Figure 6: 2-D approximations by 1-D units",
            caption:
                "(a) Where y ≥ τ = f₁(1) for two RBF units and one behind them: with falling λ the region fills the "
                + "unit disc (dotted). (b) The same with mReLUs: a diamond, whatever λ is (λ 0.7 is drawn dashed over "
                + "0.1). (c) Four directions instead of two, five RBF units in all, λ 0.4: nearly round. (d) The 2-D "
                + "RBF that (c) comes to resemble.",
            panels: [
                discs(.rbf, "a", "(a) unit disc by three RBF units", [0.1, 0.4, 0.7, 1]),
                discs(.mrelu, "b", "(b) by three mReLUs", [0.1, 0.7]),
                surface("c", "(c) five RBF units, λ = 0.4") { x, y in
                    let diagonal = [(x + y) / 2.0.squareRoot(), (x - y) / 2.0.squareRoot()]
                    return HypersphereBlock(activation: .rbf, scale: 0.4).output([x, y] + diagonal)
                },
                surface("d", "(d) a 2-D RBF") { x, y in exp(-0.16 * (x * x + y * y)) },
            ])
    }

    private static func discs(_ activation: Activation, _ letter: String, _ title: String, _ scales: [Double]) -> Panel
    {
        let colours = [Palette.blue, Palette.green, Palette.red, Palette.orange]
        var script = ""
        var plots = ["$disc with lines dt 3 lw 2 lc rgb '\(Palette.grey)' title 'unit disc'"]
        func circle(_ name: String, _ radius: (Double) -> Double) {
            let rows = (0...180).map { step -> [Double] in
                let angle = 2 * Double.pi * Double(step) / 180
                return [radius(angle) * cos(angle), radius(angle) * sin(angle)]
            }
            script += Gnuplot.data(name, rows)
        }
        circle("disc") { _ in 1 }
        for (place, scale) in scales.enumerated() {
            let block = HypersphereBlock(activation: activation, scale: scale)
            let threshold = block.onAxis(1)
            circle("l\(place)") { angle in border(block, threshold, angle) }
            let dash = activation == .mrelu && place > 0 ? "dt 2 " : ""
            plots.append("$l\(place) with lines \(dash)lw 2 lc rgb '\(colours[place])' title 'λ \(scale)'")
        }
        return Panel(
            name: "figure-6-" + letter, title: title, width: 320, height: 340,
            script: script + """
                set size ratio -1
                set xrange [-1.1:1.1]
                set yrange [-1.1:1.1]
                set xlabel 'x₁'
                set ylabel 'x₂'
                set key below height 1
                plot \(plots.joined(separator: ", "))
                """)
    }

    /// The distance at which y falls to the threshold in a direction, by bisection.
    private static func border(_ block: HypersphereBlock, _ threshold: Double, _ angle: Double) -> Double {
        var (low, high) = (0.0, 1.5)
        for _ in 0..<50 {
            let middle = (low + high) / 2
            // On the axes the border is at 1 exactly; rounding must not throw it out.
            let isInside = block.output([middle * cos(angle), middle * sin(angle)]) >= threshold - 1e-15
            (low, high) = isInside ? (middle, high) : (low, middle)
        }
        return low
    }

    private static func surface(_ letter: String, _ title: String, _ value: (Double, Double) -> Double) -> Panel {
        let ticks = stride(from: -5.0, through: 5.0, by: 0.4)
        var lines = ["$surface << EOD"]
        for x in ticks {
            for y in ticks { lines.append(String(format: "%g %g %.4g", x, y, value(x, y))) }
            lines.append("")
        }
        return Panel(
            name: "figure-6-" + letter, title: title, width: 320, height: 280,
            script: (lines + ["EOD", ""]).joined(separator: "\n") + """
                set hidden3d
                set border 31 lw 0.5
                unset grid
                set xlabel 'x₁'
                set ylabel 'x₂'
                set zrange [0:1]
                set xyplane 0
                set xtics 5
                set ytics 5
                set ztics 0.5
                set view 60, 30, 1.2, 1.1
                splot $surface with lines lw 0.7 lc rgb '\(Palette.green)'
                """)
    }
}
