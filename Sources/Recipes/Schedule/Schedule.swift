import Foundation

/// How the learning rate moves over a run. A function of the step's number alone, so that a resumed run goes on with
/// the same rates.
public struct Schedule: Hashable, Sendable {
    /// The shapes of a schedule.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The same rate throughout.
        case constant
        /// Times `factor` from each of the milestones `epochs` on.
        case step
        /// Half a cosine from 1 down to `floor`, over what the warm-up leaves (Loshchilov & Hutter 2017, equation 5).
        case cosine
    }

    /// The shape.
    public var kind: Kind
    /// The milestones of `step`: the numbers of the epochs, counted from 0, from whose start on the rate is lower.
    public var epochs: [Int]
    /// The factor on the rate at each milestone of `step`, in (0, 1].
    public var factor: Double
    /// The epochs over which the rate rises linearly from 0 (Goyal et al. 2017, section 2.2); 0 for none.
    public var warmupEpochs: Double
    /// The fraction of the rate that `cosine` ends at, in 0...1.
    public var floor: Double

    /// Makes a schedule.
    public init(
        _ kind: Kind, epochs: [Int] = [], factor: Double = 0.1, warmupEpochs: Double = 0, floor: Double = 0
    ) {
        self.kind = kind
        self.epochs = epochs
        self.factor = factor
        self.warmupEpochs = warmupEpochs
        self.floor = floor
    }

    /// The learning rate of step `step`, counted from 0, in a run of `epochs` epochs of `stepsPerEpoch` steps each.
    ///
    /// With the epoch e = step / stepsPerEpoch and the warm-up w: `constant` base; `step` base factor^(milestones
    /// passed); `cosine` base (floor + (1 - floor) (1 + cos(pi t)) / 2) with t = (e - w) / (epochs - w) kept in 0...1.
    /// During the warm-up this is multiplied by (step + 1) / (w stepsPerEpoch).
    public func learningRate(base: Double, step: Int, stepsPerEpoch: Int, epochs: Int) -> Double {
        precondition(
            step >= 0 && stepsPerEpoch > 0 && epochs > 0,
            "step \(step) of \(epochs) epochs of \(stepsPerEpoch) steps")
        var rate = base
        switch kind {
        case .constant: break
        case .step:
            for milestone in self.epochs where step / stepsPerEpoch >= milestone { rate *= factor }
        case .cosine:
            let passed = Double(step) / Double(stepsPerEpoch) - warmupEpochs
            let length = Double(epochs) - warmupEpochs
            let progress = length > 0 ? min(1, max(0, passed / length)) : 0
            rate *= floor + (1 - floor) * (1 + cos(.pi * progress)) / 2
        }
        let warmupSteps = warmupEpochs * Double(stepsPerEpoch)
        return Double(step + 1) < warmupSteps ? rate * Double(step + 1) / warmupSteps : rate
    }
}

/// The linear scaling rule (Goyal et al. 2017, section 2.1): a learning rate that was found for one global batch serves
/// another one, times their ratio.
public struct LearningRateScaling: Hashable, Sendable {
    /// The global batch that the recipe's learning rate is meant for, or nil where it is used as it stands.
    public var referenceBatch: Int?

    /// Makes the rule.
    public init(referenceBatch: Int? = nil) { self.referenceBatch = referenceBatch }

    /// The learning rate for a global batch of `batch`.
    public func learningRate(_ learningRate: Double, batch: Int) -> Double {
        guard let referenceBatch else { return learningRate }
        return learningRate * Double(batch) / Double(referenceBatch)
    }
}
