/// A figure of the report: panels, and a caption that says what to see.
struct Figure {
    /// The name of its files, and its anchor on the page.
    let name: String
    /// The subject.
    let title: String
    /// A caption: the thing to see.
    let caption: String
    /// The panels, in order; panels of normal size flow beside each other.
    let panels: [Panel]
}

/// One plot of a figure.
struct Panel {
    /// The name of its files.
    let name: String
    /// The line above it; may be empty.
    var title: String = ""
    /// Its size in units of which 12 are the height of its type.
    var width = 400
    /// See `width`.
    var height = 300
    /// gnuplot commands: settings, data blocks and one `plot` or `splot`.
    let script: String
}

/// The page's colours, each legible on white and on black.
enum Palette {
    static let (orange, green, blue, red, grey) = ("#d9730d", "#1a9a6c", "#4a7fe5", "#e03131", "#8a8f98")
    static let others = ["#a55fd0", "#b08a1e", "#e0559a", "#2aa5b8", "#7a8b2f"]

    /// gnuplot's style of a model's curve: the colour by the activation function, the dashes by the training; models
    /// that are not the paper's by their `place`.
    static func line(_ model: EvaluatedModel, place: Int) -> String {
        guard let paperPlace = model.paperPlace else { return "lc rgb '\(others[place % others.count])' dt 1 lw 2" }
        let paper = PaperModel.all[paperPlace]
        let colour = [PaperModel.Activation.none: orange, .rbf: green, .mrelu: blue][paper.activation] ?? grey
        let dash = [PaperModel.Training.randomAndMean: 1, .random: 2, .images: 3, .adversarial: 4][paper.training] ?? 1
        return "lc rgb '\(colour)' dt \(dash) lw \(paper.training == .randomAndMean ? 2 : 1.5)"
    }
}
