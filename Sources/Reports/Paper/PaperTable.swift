/// What a table of the paper is about: samples of one kind, made or perturbed in one way.
package struct Reading: Hashable {
    /// The three kinds of the paper's tables.
    package enum Kind: String, CaseIterable {
        case adversarial, nonsense, noisy
    }

    /// The kind of samples.
    package let kind: Kind
    /// `batch`, `evaluation`, `sign` or `gaussian`.
    package let mode: String
    /// The attack of an evaluation that measures it, canonical.
    package let attack: String

    /// For people: `adversarial, batch mode`.
    package var title: String {
        switch kind {
        case .noisy: "noisy, \(mode == "sign" ? "sign" : "Gaussian") noise"
        default: "\(kind.rawValue), \(mode) mode"
        }
    }

    /// The way in which the tables were made, and the other one, of each kind.
    package static let all: [Reading] = [
        Reading(kind: .adversarial, mode: "batch", attack: "fgs-lmax:gradient-mode=batch"),
        Reading(kind: .nonsense, mode: "batch", attack: "nonsense:gradient-mode=batch"),
        Reading(kind: .noisy, mode: "sign", attack: "noise-sign"),
        Reading(kind: .adversarial, mode: "evaluation", attack: "fgs-lmax"),
        Reading(kind: .nonsense, mode: "evaluation", attack: "nonsense"),
        Reading(kind: .noisy, mode: "gaussian", attack: "noise-gaussian"),
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

    private let printed: [[String]]
    private let released: [[String]]

    /// Table 2.
    package static let mnist = PaperTable(
        2, "mnist", "MNIST", PublishedFigures.table2, released: PublishedFigures.releasedMNIST)
    /// Table 4.
    package static let cifar10 = PaperTable(
        4, "cifar10", "CIFAR-10", PublishedFigures.table4, released: PublishedFigures.releasedCIFAR10)
    /// Both.
    package static let all = [mnist, cifar10]

    private init(_ number: Int, _ dataset: String, _ title: String, _ text: String, released: String) {
        (self.number, self.dataset, self.title) = (number, dataset, title)
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
        let name = (dataset == "cifar10" ? "cifar" : dataset) + "-" + model.lowercased()
        guard
            let row = released.first(where: { $0[0] == name && $0[1] == reading.kind.rawValue && $0[2] == reading.mode }
            ),
            let column = strengths.firstIndex(of: strength)
        else { return nil }
        return Double(row[column + 5])
    }
}
