import Datasets
import Lanes
import MessagePassing
import Networks

/// A training run, fixed entirely: data, network, optimiser, drawn samples, checkpoints. Equal recipes, data and builds
/// give equal weights.
///
/// A recipe is made by `load` or `parse`, which check every value, or by `defaults` and assignments, which do not. Each
/// property is one row of `keys`: its name in YAML, the values that it allows, its effect. Initial values are the
/// defaults; `defaults` sets those that depend on the data set, the architecture or the activation.
public struct Recipe: Equatable, Sendable {
    /// The data set: a known name, or the path of a file or folder.
    public var dataset: String
    /// The directory in which data is looked for first; nil for the usual places.
    public var dataDirectory: String?
    /// The source that counts where the paper's text and the released code differ.
    public var variant = Variant.released
    /// The network.
    public var network = NetworkRecipe(architecture: .mnist)
    /// The initial weights of a plain network of one's own, of layers that state no deviation; nil for other networks,
    /// whose layers state theirs.
    public var initialization: Initialization?
    /// The checkpoint whose weights a run starts from, or a run's directory for its latest one; nil to draw them.
    public var initialWeights: String?
    /// The layers whose weights are drawn nevertheless.
    public var freshLayers: [String] = []
    /// The factor on the pixels after the mean image is taken off: one number, or one a channel.
    public var inputScale = [1.0]
    /// The hybrid loss's settings, for robust networks.
    public var loss = LossRecipe(alpha: [1, 1, 0])
    /// Passes over the training set.
    public var epochs = 20
    /// The step after which the run ends, where the epochs do not end it before.
    public var maxSteps: Int?
    /// The global batch: images of one step, on all ranks together.
    public var batch = 100
    /// The micro-batches that a step is made of; divides `batch`.
    public var accumulation = 1
    /// The lanes: fixed slices of every batch, and the largest number of ranks.
    public var lanes = 8
    /// The seed of all random numbers.
    public var seed: UInt64 = 1
    /// The reduction of sums over ranks.
    public var reduction = ReductionMode.exact
    /// The learning rate, before `scaling`, `schedule` and `layerRates`.
    public var learningRate = 0.001
    /// The linear scaling rule; `reference_batch` in YAML.
    public var scaling = LearningRateScaling()
    /// The schedule of the learning rate.
    public var schedule = Schedule(.constant)
    /// The rule by which the parameters follow the gradient.
    public var optimizer = OptimizerRecipe()
    /// The momentum of v = momentum v + gradient + weightDecay w, of `sgd` and `nesterov`.
    public var momentum = 0.9
    /// The weight decay, on convolution weights and biases.
    public var weightDecay = 5e-4
    /// Factors of the learning rate: for `all`, a kind of parameter (`weight`, `bias`, `gamma`, `beta`), a layer
    /// (`fc2`), or a layer's parameter (`fc2/weight`).
    public var layerRates: [String: Double] = [:]
    /// The largest L2 norm of the whole gradient, or nil for no limit.
    public var gradientClipping: Double?
    /// The image that is subtracted from every image.
    public var meanImage = MeanImage.training
    /// Left-right mirroring.
    public var mirroring = Mirroring.off
    /// Pixels that images are moved by at most, down and right each, anew each epoch.
    public var shift = 0
    /// The pixels where images that are moved leave a border.
    public var shiftFill = ShiftFill.mean
    /// The side of a square of each image that is the mean image, anew each epoch; 0 for none.
    public var cutout = 0
    /// The probability with which a box of an image is another image's (CutMix); of plain networks.
    public var cutMix = 0.0
    /// The share of a label that all outputs share; of plain networks.
    public var labelSmoothing = 0.0
    /// The batches over which batch norm's moments are averaged at each epoch's end, in place of running ones; 0 for
    /// never (PreciseBN, Wu & Johnson 2021, section 3). They are the epoch's first, without random training's noise:
    /// half of the batches have it, and running moments, which move by 0.05 a step, follow the last twenty batches'
    /// coins.
    public var preciseMoments = 0
    /// Random training (-r), or nil.
    public var randomTraining: RandomTraining?
    /// Mean training (-m), or nil.
    public var meanTraining: MeanTraining?
    /// Adversarial training (-a), or nil.
    public var adversarialTraining: AdversarialTraining?
    /// Training images that are held out for validation.
    public var validation = 0
    /// How they are drawn: among all images, or of each class alike.
    public var validationSplit = SplitRule.random
    /// The attack on the validation images, or nil; the error under it then decides which network is best.
    public var validationAttack: ValidationAttack?
    /// The run ends after this many epochs without a better network on the validation images; nil for never.
    public var earlyStopping: Int?
    /// Lanes are assigned to ranks by measured speed, anew at each epoch's end.
    public var balance = false
    /// The copies of the training images.
    public var dataSharing = DataSharing.lanes
    /// The images of a window at least; nil: one window holds all.
    public var streamWindow: Int?
    /// Overlap of gradient reduction with the backward pass.
    public var overlap = Overlap.auto
    /// Seconds without any progress after which the job is ended and the rank at fault named; 0 for never.
    public var stallTimeout = 300.0
    /// The share of the lanes that a second rank computes too, and compares bit for bit.
    public var audit = 0.0
    /// When to save, and how much to keep.
    public var checkpoint = CheckpointRecipe()
    /// The evaluation that is planned for the network, or nil.
    public var evaluation: EvaluationRecipe?

    /// The recipe of initial values.
    init(dataset: String) { self.dataset = dataset }
}

extension Recipe {
    /// The learning rate for this recipe's batch, before `schedule` and `layerRates`.
    public var baseLearningRate: Double { scaling.learningRate(learningRate, batch: batch) }

    /// The learning rate of step `step`, counted from 0, before `layerRates`.
    public func learningRate(step: Int, stepsPerEpoch: Int) -> Double {
        schedule.learningRate(base: baseLearningRate, step: step, stepsPerEpoch: stepsPerEpoch, epochs: epochs)
    }
}
