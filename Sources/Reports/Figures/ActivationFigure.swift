/// Figure 1: the symmetric activation functions and their derivatives.
enum ActivationFigure {
    static let figure = Figure(
        name: "figure-1", title: "Figure 1: symmetric activation functions and their derivatives",
        caption:
            "Both are 1 where the signal is 0 and fall off on either side: a signal of unusual size is suppressed, and "
            + "so is its gradient. The RBF only approaches 0; the mReLU is 0, and flat, outside of [-1, 1] (equations "
            + "1 to 3).",
        panels: [
            panel("rbf", "1-D RBF, exp(-x²)", "exp(-x*x)", Palette.green),
            panel("rbf-derivative", "its derivative", "-2*x*exp(-x*x)", Palette.green, isDerivative: true),
            panel("mrelu", "mReLU", "abs(x) < 1 ? 1 - abs(x) : 0", Palette.blue),
            panel(
                "mrelu-derivative", "its derivative", "abs(x) >= 1 || x == 0 ? 0 : (x < 0 ? 1 : -1)", Palette.blue,
                isDerivative: true),
        ])

    private static func panel(
        _ name: String, _ title: String, _ function: String, _ colour: String, isDerivative: Bool = false
    ) -> Panel {
        Panel(
            name: "figure-1-" + name, title: title, width: 320, height: 210,
            script: """
                set samples 1201
                set xrange [-3:3]
                set yrange [\(isDerivative ? "-1.5:1.5" : "-0.5:1.5")]
                set xlabel 'x'
                set xzeroaxis lw 0.5
                plot \(function) lw 2 lc rgb '\(colour)'
                """)
    }
}
