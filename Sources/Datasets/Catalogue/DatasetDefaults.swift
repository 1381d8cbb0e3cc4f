/// The values that recipes, evaluations and diagnoses on a data set take where they say nothing else. Two sets of
/// numbers come from the paper and its authors' code: one for small grey images (MNIST), one for colour photographs
/// (CIFAR-10).
public struct DatasetDefaults: Sendable {
    /// Strengths of an evaluation, as fractions of the pixel range: the columns of the paper's table.
    public let strengths: [Double]
    /// The radius of a masking diagnosis, and of training by FGS, as a fraction of the pixel range.
    public let diagnosisStrength: Double
    /// `network.architecture`: the network that the paper uses for such images.
    public let architecture: String
    /// The weight of the hybrid loss's third term, for that architecture.
    public let thirdLossWeight: Double
    /// Left-right mirroring.
    public let mirroring: Mirroring
    /// Random training after the authors' released code.
    public let randomTraining: RandomTraining
    /// The scale of mean samples, in 0...255: the largest sigma.
    public let meanScale: Double
    /// The largest deviation of noise samples, in 0...255.
    public let noiseDeviation: Double
    /// Mean samples, and as many noise samples, of an epoch; nil: the recipe decides by the number of training images.
    public private(set) var drawnSamples: Int?
    /// The radius of training by FGSM, PGD, TRADES and free replays, as a fraction of the pixel range (Madry et al.
    /// 2018).
    public let adversarialStrength: Double
    /// TRADES' beta (Zhang et al. 2019).
    public let tradesBeta: Double
}

extension DatasetDefaults {
    /// MNIST's numbers: the paper's section 5.1 and table 2.
    static let mnist = DatasetDefaults(
        strengths: [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50], diagnosisStrength: 0.1,
        architecture: "mnist", thirdLossWeight: 0, mirroring: .off,
        randomTraining: RandomTraining(
            distribution: .sign, amplitude: 0.5, probability: 0.5, scope: .image, redraw: false),
        meanScale: 255, noiseDeviation: 127.5, drawnSamples: 6000, adversarialStrength: 0.3, tradesBeta: 1)

    /// CIFAR-10's numbers: the paper's section 5.2 and table 4.
    static let cifar10 = DatasetDefaults(
        strengths: [0, 0.010, 0.015, 0.020, 0.025, 0.030, 0.035, 0.040, 0.045, 0.050, 0.075, 0.100, 0.150],
        diagnosisStrength: 0.03, architecture: "cifar10", thirdLossWeight: 1.0 / 9, mirroring: .batch,
        randomTraining: RandomTraining(
            distribution: .sign, amplitude: 0.15, probability: 0.5, scope: .batch, redraw: true),
        meanScale: 64, noiseDeviation: 96, drawnSamples: 2500, adversarialStrength: 8.0 / 255, tradesBeta: 6)

    /// MNIST's numbers with another number of drawn samples; nil: by the number of training images.
    static func mnist(drawnSamples: Int?) -> DatasetDefaults {
        var defaults = mnist
        defaults.drawnSamples = drawnSamples
        return defaults
    }

    /// CIFAR-10's numbers with another number of drawn samples.
    static func cifar10(drawnSamples: Int?) -> DatasetDefaults {
        var defaults = cifar10
        defaults.drawnSamples = drawnSamples
        return defaults
    }

    /// The defaults of a data set by its name; MNIST's numbers for a set that is not in the catalogue.
    public static func of(_ name: String) -> DatasetDefaults {
        KnownDataset.named(name)?.defaults ?? mnist(drawnSamples: nil)
    }
}
