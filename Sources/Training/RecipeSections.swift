import Networks

/// Whose layers a network has.
public enum Architecture: String, Hashable, Sendable, CaseIterable {
    /// Table 1 of the paper.
    case mnist
    /// Table 3 of the paper.
    case cifar10
    /// The recipe's own.
    case custom
}

/// Whether a network is plain, or robust with one of the paper's symmetric activation functions.
public enum NetworkActivation: String, Hashable, Sendable, CaseIterable {
    /// A plain network.
    case plain
    /// A robust network of 1-D RBFs.
    case rbf
    /// A robust network of mReLUs.
    case mrelu
}

/// The network of a recipe.
public struct NetworkRecipe: Hashable, Sendable {
    /// Whose layers.
    public var architecture: Architecture
    /// Plain, or robust.
    public var activation: NetworkActivation
    /// The plain network's layers, of a custom architecture only.
    public var layers: [Layer]?

    /// Makes the setting.
    public init(architecture: Architecture, activation: NetworkActivation = .plain, layers: [Layer]? = nil) {
        self.architecture = architecture
        self.activation = activation
        self.layers = layers
    }
}

/// The hybrid loss of a robust network (equation 7).
public struct LossRecipe: Hashable, Sendable {
    /// alpha1, alpha2, alpha3, none negative.
    public var alpha: [Double]
    /// The order p > 1.
    public var p: Double

    /// Makes the setting.
    public init(alpha: [Double], p: Double = 2) {
        self.alpha = alpha
        self.p = p
    }
}

/// Adversarial training (the paper's -a, after Goodfellow et al. 2015): a share of each batch is replaced by adversarial
/// versions of its images.
public struct AdversarialTraining: Hashable, Sendable {
    /// How the images are made.
    public enum Method: String, Hashable, Sendable, CaseIterable {
        /// FGS-lmax, the paper's equation 10: 255 strength towards the wrong class of largest gradient.
        case fgs
    }

    /// How the images are made.
    public var method: Method
    /// The strength, as a fraction of the range of 255.
    public var strength: Double
    /// The share of each batch, in 0...1.
    public var share: Double

    /// Makes the setting.
    public init(method: Method = .fgs, strength: Double, share: Double = 0.5) {
        self.method = method
        self.strength = strength
        self.share = share
    }
}

/// When a run saves, and how much it keeps.
public struct CheckpointRecipe: Hashable, Sendable {
    /// The steps between checkpoints; nil for one at each epoch's end.
    public var everySteps: Int?
    /// How many checkpoints are kept, beside the best one.
    public var keep: Int

    /// Makes the setting.
    public init(everySteps: Int? = nil, keep: Int = 3) {
        self.everySteps = everySteps
        self.keep = keep
    }
}

/// What a trained network is to be evaluated on.
public struct EvaluationRecipe: Hashable, Sendable {
    /// Attacks, as the command line writes them: `pgd:steps=20`.
    public var attacks: [String]
    /// Strengths as fractions of the range; nil for those of the data set's table.
    public var strengths: [Double]?
    /// How many test images; nil for all.
    public var samples: Int?

    /// Makes the setting.
    public init(attacks: [String], strengths: [Double]? = nil, samples: Int? = nil) {
        self.attacks = attacks
        self.strengths = strengths
        self.samples = samples
    }
}
