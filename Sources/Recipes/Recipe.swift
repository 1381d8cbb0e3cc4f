import Datasets
import Lanes
import MessagePassing
import Networks

/// A training run, fixed entirely: data, network, optimiser, drawn samples, checkpoints. Equal recipes, data and builds
/// give equal weights.
///
/// A recipe is made by `load` or `parse`, which check every value, or by `defaults` and assignments, which do not.
public struct Recipe: Equatable, Sendable {
    /// The data set's name: a known one, or a folder of IDX files.
    public var dataset: String
    /// Where to look for data first; nil for the usual places. It does not change the result.
    public var dataDirectory: String?
    /// What is followed where the paper's text and the released code differ.
    public var variant: Variant
    /// The network.
    public var network: NetworkRecipe
    /// The hybrid loss's settings, for robust networks.
    public var loss: LossRecipe
    /// Passes over the training set.
    public var epochs: Int
    /// The step after which the run ends, where the epochs do not end it before.
    public var maxSteps: Int?
    /// The global batch: images of one step, on all ranks together.
    public var batch: Int
    /// The passes that a step is made of; divides `batch`.
    public var accumulation: Int
    /// The lanes: fixed slices of every batch, and the largest number of ranks.
    public var lanes: Int
    /// The seed of all random numbers.
    public var seed: UInt64
    /// How sums over ranks are formed.
    public var reduction: ReductionMode
    /// The learning rate, before `scaling`, `schedule` and `layerRates`.
    public var learningRate: Double
    /// The linear scaling rule; `reference_batch` in YAML.
    public var scaling: LearningRateScaling
    /// How the learning rate moves.
    public var schedule: Schedule
    /// The momentum of v = momentum v + gradient + weightDecay w.
    public var momentum: Double
    /// The weight decay, on convolution weights and biases.
    public var weightDecay: Double
    /// Factors of the learning rate: for `all`, a kind of parameter (`weight`, `bias`, `gamma`, `beta`), a layer (`fc2`), or
    /// a layer's parameter (`fc2/weight`).
    public var layerRates: [String: Double]
    /// The largest L2 norm of the whole gradient, or nil for no limit.
    public var gradientClipping: Double?
    /// What is subtracted from every image.
    public var meanImage: MeanImage
    /// Left-right mirroring.
    public var mirroring: Mirroring
    /// Pixels that images are moved by at most, down and right each, anew each epoch; what they leave is the mean image.
    public var shift: Int
    /// The batches over which batch norm's moments are averaged at each epoch's end, in place of running ones; 0 for never. They
    /// are the epoch's first, without random training's noise: that adds to half of the batches, and moments that move by 0.05 a
    /// step are those of the last twenty's coins (PreciseBN, Wu & Johnson 2021, section 3).
    public var preciseMoments: Int
    /// Random training (-r), or nil.
    public var randomTraining: RandomTraining?
    /// Mean training (-m), or nil.
    public var meanTraining: MeanTraining?
    /// Adversarial training (-a), or nil.
    public var adversarialTraining: AdversarialTraining?
    /// Training images that are held out for validation.
    public var validation: Int
    /// The attack that the validation images go through too, or nil; the error under it then decides which network is best.
    public var validationAttack: ValidationAttack?
    /// The run ends after this many epochs without a better network on the validation images; nil for never.
    public var earlyStopping: Int?
    /// Whether lanes are dealt to ranks by their measured speed, anew at each epoch's end. It does not change the result.
    public var balance: Switch
    /// What ranks hold of the training images. It does not change the result.
    public var dataSharing: DataSharing
    /// When gradients travel while the backward pass goes on. It does not change the result.
    public var overlap: Overlap
    /// Seconds without any progress after which the job is ended and the rank at fault named; 0 for never. It does not change
    /// the result.
    public var stallTimeout: Double
    /// The share of the lanes that a second rank computes too, and compares bit for bit. It does not change the result.
    public var audit: Double
    /// When to save, and how much to keep. It does not change the result.
    public var checkpoint: CheckpointRecipe
    /// What to evaluate the network on, or nil. It does not change the result.
    public var evaluation: EvaluationRecipe?
}

extension Recipe {
    /// The learning rate for this recipe's batch, before `schedule` and `layerRates`.
    public var baseLearningRate: Double { scaling.learningRate(learningRate, batch: batch) }

    /// The learning rate of step `step`, counted from 0, before `layerRates`.
    public func learningRate(step: Int, stepsPerEpoch: Int) -> Double {
        schedule.learningRate(base: baseLearningRate, step: step, stepsPerEpoch: stepsPerEpoch, epochs: epochs)
    }
}
