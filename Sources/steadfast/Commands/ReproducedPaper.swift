import Essentials

/// The work of `reproduce` on a data set: the paper's networks and samples, and what goes beyond them.
struct ReproducedPaper {
    /// The models whose recipes are `DATASET-MODEL`: the paper's, then those that go beyond.
    let models: [String]
    /// The samples of the paper's tables, in both gradient modes, at the strengths of their columns; noise of both
    /// readings.
    let attacks =
        "clean,fgs-lmax,fgs-lmax:gradient-mode=batch,nonsense,nonsense:gradient-mode=batch,noise-sign,noise-gaussian"
    /// Networks that the paper could not know.
    let strongAttacks = "clean,pgd,standard,nonsense:family=all"
    /// The strengths of those.
    let strongStrengths: String

    /// The networks of a data set.
    ///
    /// - Throws: `Failure` 64 for another than MNIST and CIFAR-10.
    init(_ dataset: String) throws {
        switch dataset {
        case "mnist":
            models = [
                "plain", "plain-a", "plain-r", "plain-r-m", "rbf", "rbf-r", "rbf-r-m", "mrelu", "mrelu-r", "mrelu-r-m",
                "mrelu-r-m-a", "relu-pgd",
            ]
            strongStrengths = "0.05,0.10,0.20,0.30"
        case "cifar10":
            models = ["plain", "plain-r-m", "rbf", "rbf-r-m", "mrelu", "mrelu-r-m", "mrelu-r-m-a"]
            strongStrengths = "0.01,0.03"
        default: throw Failure(.usage, unknownName("data set of the paper", dataset, among: ["mnist", "cifar10"]))
        }
    }
}
