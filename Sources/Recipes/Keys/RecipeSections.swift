import Networks

/// The layers of a network.
public enum Architecture: String, Hashable, Sendable, CaseIterable {
    /// Table 1 of the paper.
    case mnist
    /// Table 3 of the paper.
    case cifar10
    /// LeNet-5 with ReLUs and maxima.
    case lenet
    /// A residual network for small images.
    case resnet
    /// A wide residual network, its activations before its convolutions.
    case wideResNet = "wide-resnet"
    /// The CNN7 of certified training.
    case cnn7
    /// The recipe's own.
    case custom

    /// Made for pixels in 0..255.
    var isOfThePaper: Bool { self == .mnist || self == .cifar10 }
}

/// A plain network, or a robust one with one of the paper's symmetric activation functions.
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
    /// The layers.
    public var architecture: Architecture
    /// Plain, or robust.
    public var activation: NetworkActivation
    /// The layers of a residual network on its longest path; nil for other architectures.
    public var depth: Int?
    /// The channels of a ResNet's first stage; nil for other architectures.
    public var width: Int?
    /// The factor on a wide ResNet's channels; nil for other architectures.
    public var widen: Int?
    /// Batch norm and activation before each convolution of a ResNet.
    public var preActivation = false
    /// Batch norm's epsilon; nil for ``Network``'s own.
    public var stabilizer: Double?
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

/// The rule by which the parameters w follow their gradient g; learning rate, momentum and weight decay are keys of
/// their own.
public struct OptimizerRecipe: Hashable, Sendable {
    /// The rules.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// v = momentum v + g + weight_decay w; w -= learning_rate v.
        case sgd
        /// The same v; w -= learning_rate (g + weight_decay w + momentum v) (Sutskever et al. 2013).
        case nesterov
        /// Adam (Kingma & Ba 2015), weight_decay w being part of the gradient.
        case adam
        /// Adam with decoupled weight decay (Loshchilov & Hutter 2019): w -= learning_rate weight_decay w.
        case adamw

        /// Adam's moments in the place of a momentum.
        public var isAdaptive: Bool { self == .adam || self == .adamw }
    }

    /// The rule.
    public var kind: Kind
    /// The shares of Adam's moments that a step keeps.
    public var beta1, beta2: Double
    /// The number that Adam adds to the root of the second moment.
    public var epsilon: Double

    /// Makes the setting.
    public init(_ kind: Kind = .sgd, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
        (self.kind, self.beta1, self.beta2, self.epsilon) = (kind, beta1, beta2, epsilon)
    }
}

/// Adversarial training: a share of each batch is replaced by adversarial versions of its images, or, in TRADES, stands
/// beside them.
public struct AdversarialTraining: Hashable, Sendable {
    /// The making of the images. All but `fgs` stay in the Linf ball of the strength and in the range of pixels.
    public enum Method: String, Hashable, Sendable, CaseIterable {
        /// The paper's -a: FGS-lmax, equation 10, 255 strength towards the wrong class of largest gradient, unclipped.
        case fgs
        /// One step of `stepSize` from a random start (Wong et al. 2020).
        case fgsm
        /// `steps` steps of `stepSize` from a random start (Madry et al. 2018).
        case pgd
        /// The loss of the images plus `beta` KL(p(x) || p(x')), x' by `steps` steps that maximise that divergence
        /// (Zhang et al. 2019, equation 5).
        case trades
        /// Each batch is replayed `steps` times; each replay's one gradient updates the parameters and moves the images
        /// (Shafahi et al. 2019). A replay is an update, the `steps` updates of a batch are one step of the run.
        case free
    }

    /// The moments that batch norm uses while the images are made (not in `free`, whose gradient is that of training).
    public enum Moments: String, Hashable, Sendable, CaseIterable {
        /// The running moments: the network that will be judged. Local to a rank.
        case running
        /// The batch's.
        case batch
    }

    /// The making of the images.
    public var method: Method
    /// The strength, as a fraction of the range of 255.
    public var strength: Double
    /// The spread of strengths: that of each image is drawn anew each epoch, uniform in [(1 - spread) strength,
    /// strength]; in 0...1.
    public var spread: Double
    /// The share of each batch that is replaced, in 0...1; 1 in `trades` and `free`.
    public var share: Double
    /// The strength and the share of mean training's nonsense.
    public var nonsenseStrength, nonsenseShare: Double
    /// Steps of `pgd` and `trades`, replays of `free`; 1 in the others.
    public var steps: Int
    /// The size of the first step as a fraction of the strength; no matter in `fgs`.
    public var stepSize: Double
    /// The sizes of the steps after the first.
    public var stepDecay: StepDecay
    /// The weight of the divergence in `trades`.
    public var beta: Double
    /// The moments that batch norm uses.
    public var batchNorm: Moments
    /// The strength grows linearly from 0 over this many epochs.
    public var rampEpochs: Double

    /// Makes the setting; nonsense takes strength and share of the images unless given.
    public init(
        method: Method = .fgs, strength: Double, spread: Double = 0, share: Double = 1,
        nonsenseStrength: Double? = nil, nonsenseShare: Double? = nil, steps: Int = 1, stepSize: Double = 1,
        stepDecay: StepDecay = .constant, beta: Double = 1, batchNorm: Moments = .running,
        rampEpochs: Double = 0
    ) {
        self.method = method
        self.strength = strength
        self.spread = spread
        self.share = share
        self.nonsenseStrength = nonsenseStrength ?? strength
        self.nonsenseShare = nonsenseShare ?? share
        self.steps = steps
        self.stepSize = stepSize
        self.stepDecay = stepDecay
        self.beta = beta
        self.batchNorm = batchNorm
        self.rampEpochs = rampEpochs
    }

    /// Sets the default size of as many steps: together they reach 2.5 radii.
    mutating func takeUpStepSize() {
        if method == .pgd || method == .trades { stepSize = 2.5 / Double(steps) }
    }

    /// Every image of a batch is attacked.
    package var attacksAll: Bool { share == 1 && nonsenseShare == 1 }

    /// The share of the strengths at a step.
    package func ramp(step: Int, stepsPerEpoch: Int) -> Double {
        let ramp = rampEpochs * Double(stepsPerEpoch)
        return ramp > Double(step) ? Double(step + 1) / ramp.rounded(.up) : 1
    }
}

/// The attack on the validation images.
public struct ValidationAttack: Hashable, Sendable {
    /// The attack, as the command line writes it.
    public var attack: String
    /// Its strength, a fraction of the pixel range.
    public var strength: Double

    /// Makes the setting.
    public init(attack: String = "pgd:steps=20", strength: Double) {
        self.attack = attack
        self.strength = strength
    }
}

/// The copies of the training images.
public enum DataSharing: String, Hashable, Sendable, CaseIterable {
    /// Each rank those of its lanes: one copy on all hosts together. Lanes that change ranks take their images along.
    case lanes
    /// The ranks of a host all images: one copy on each host, in memory that they share. No image moves.
    case node
    /// The windows of `stream_window` that are due, and the one behind them: on each host, in memory that its ranks
    /// share. A thread of the host reads ahead. One window of all images is as `node`.
    case stream
}

/// Overlap of gradient reduction with the backward pass.
public enum Overlap: String, Hashable, Sendable, CaseIterable {
    /// None: each gradient is waited for. (Ranks of one host wait once for all, in any case.)
    case off
    /// Always.
    case on
    /// Where ranks are on several hosts. Within one no gradient travels.
    case auto
}

/// The checkpoints of a run.
public struct CheckpointRecipe: Hashable, Sendable {
    /// The steps between checkpoints; nil for one at each epoch's end.
    public var everySteps: Int?
    /// The checkpoints that are kept, beside the best one.
    public var keep: Int

    /// Makes the setting.
    public init(everySteps: Int? = nil, keep: Int = 3) {
        self.everySteps = everySteps
        self.keep = keep
    }
}

/// The evaluation that is planned for a trained network.
public struct EvaluationRecipe: Hashable, Sendable {
    /// Attacks, as the command line writes them: `pgd:steps=20`.
    public var attacks: [String]
    /// Strengths as fractions of the range; nil for those of the data set's table.
    public var strengths: [Double]?
    /// The first test images; nil for all.
    public var samples: Int?

    /// Makes the setting.
    public init(attacks: [String], strengths: [Double]? = nil, samples: Int? = nil) {
        self.attacks = attacks
        self.strengths = strengths
        self.samples = samples
    }
}
