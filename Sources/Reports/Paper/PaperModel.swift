/// A model of the paper's figures.
package struct PaperModel: Sendable {
    /// The activation functions that it compares.
    package enum Activation: String, CaseIterable { case none, rbf, mrelu }
    /// The ways of training that it compares: on images; adversarial images (-a), random (-r), random and mean samples
    /// (-r-m) too.
    package enum Training: String, CaseIterable {
        case images = ""
        case adversarial = "-a"
        case random = "-r"
        case randomAndMean = "-r-m"
    }

    /// The activation function.
    package let activation: Activation
    /// The way of training.
    package let training: Training

    /// The name in recipes and files, without the data set's: `mrelu-r-m`.
    package var name: String { (activation == .none ? "plain" : activation.rawValue) + training.rawValue }
    /// The name in the paper: `mReLU-r-m`.
    package var label: String {
        switch activation {
        case .none: name
        case .rbf: "RBF" + training.rawValue
        case .mrelu: "mReLU" + training.rawValue
        }
    }

    /// All, in the order of the figures.
    package static let all =
        Training.allCases.map { PaperModel(activation: .none, training: $0) }
        + [Activation.rbf, .mrelu].flatMap { activation in
            [Training.images, .random, .randomAndMean].map { PaperModel(activation: activation, training: $0) }
        }
}
