import Robustness

/// The subject of a table of the paper: samples of one kind, made or perturbed in one way.
package struct Reading: Hashable {
    /// The three kinds of the paper's tables.
    package enum Kind: String, CaseIterable {
        case adversarial, nonsense, noisy
    }

    /// The kind of samples.
    package let kind: Kind
    /// The way in which samples are perturbed.
    package enum Mode: String, Sendable { case batch, evaluation, sign, gaussian }

    /// The way in which samples are perturbed.
    package let mode: Mode
    /// The attack of an evaluation that measures it, canonical.
    package let attack: String

    /// True where it judges a network soundly: by gradients of its own, and the noise of the released code.
    package var isSound: Bool { mode == .evaluation || mode == .sign }

    /// For people: `adversarial, batch mode`.
    package var title: String {
        switch kind {
        case .noisy: "noisy, \(mode == .sign ? "sign" : "Gaussian") noise"
        default: "\(kind.rawValue), \(mode.rawValue) mode"
        }
    }

    /// The way in which the tables were made, and the other one, of each kind.
    package static let all: [Reading] = [
        Reading(kind: .adversarial, mode: .batch, attack: "fgs-lmax:gradient-mode=batch"),
        Reading(kind: .nonsense, mode: .batch, attack: "nonsense:gradient-mode=batch"),
        Reading(kind: .noisy, mode: .sign, attack: "noise-sign"),
        Reading(kind: .adversarial, mode: .evaluation, attack: "fgs-lmax"),
        Reading(kind: .nonsense, mode: .evaluation, attack: "nonsense"),
        Reading(kind: .noisy, mode: .gaussian, attack: "noise-gaussian"),
    ]
    /// As the paper's tables were made.
    package static let published = Array(all.prefix(3))
    /// The other way: sound gradients, and the noise of the paper's text.
    package static let other = Array(all.suffix(3))
    /// Both ways of each kind in turn.
    package static let pairs = zip(published, other).flatMap { [$0, $1] }
}

/// A table of error rates of the paper, with what the authors' released networks give.
package struct PaperTable {
    /// Its number in the paper.
    package let number: Int
    /// The data set's name.
    package let dataset: String
    /// The data set's name for people.
    package let title: String
    /// The columns: strengths as fractions of the pixel range, 0 first.
    package let strengths: [Double]
    /// The models that it has, as the report calls them.
    package let models = ["plain", "mReLU-r-m"]

    /// The strength that stands at the head of the page.
    let headline: Double
    /// A finding about the table that its reader has to know.
    let finding: HTML
    /// True where the released network of the plain row gives other figures than those that are printed.
    let isPlainRowDisputed: Bool

    private let releasedName: String
    private let printed: [[String]]
    private let released: [[String]]

    /// Table 2.
    package static let mnist = PaperTable(
        2, "mnist", "MNIST", headline: 0.25, PublishedFigures.table2, released: PublishedFigures.releasedMNIST,
        as: "mnist", isPlainRowDisputed: true, Texts.mnistFinding)
    /// Table 4.
    package static let cifar10 = PaperTable(
        4, "cifar10", "CIFAR-10", headline: 0.03, PublishedFigures.table4, released: PublishedFigures.releasedCIFAR10,
        as: "cifar", isPlainRowDisputed: false, Texts.cifarFinding)
    /// Both.
    package static let all = [mnist, cifar10]

    private init(
        _ number: Int, _ dataset: String, _ title: String, headline: Double, _ text: String, released: String,
        as releasedName: String, isPlainRowDisputed: Bool, _ finding: HTML
    ) {
        (self.number, self.dataset, self.title) = (number, dataset, title)
        (self.headline, self.releasedName) = (headline, releasedName)
        (self.isPlainRowDisputed, self.finding) = (isPlainRowDisputed, finding)
        printed = text.split(separator: "\n").map { CSVText.fields($0) }
        self.released = released.split(separator: "\n").map { CSVText.fields($0) }
        strengths = printed[0].dropFirst(2).map { Double($0) ?? 0 }
    }

    /// The printed error of a model; the paper has one reading of each kind. Nil where the paper prints none.
    package func printed(_ kind: Reading.Kind, _ model: String, _ strength: Double) -> Double? {
        guard let row = printed.first(where: { $0[0] == kind.rawValue && $0[1] == model }),
            let column = strengths.firstIndex(of: strength)
        else { return nil }
        return Double(row[column + 2])
    }

    /// The error of the network that the authors released, on test images. Nil where it was not measured.
    package func released(_ reading: Reading, _ model: String, _ strength: Double) -> Double? {
        let name = releasedName + "-" + model.lowercased()
        guard
            let row = released.first(where: {
                $0[0] == name && $0[1] == reading.kind.rawValue && $0[2] == reading.mode.rawValue
            }
            ),
            let column = strengths.firstIndex(of: strength)
        else { return nil }
        return Double(row[column + 5])
    }
}
