import Checkpoints
import Essentials
import Kernels
import Networks

/// The network under attack, as an attack sees it.
public final class Victim {
    /// Samples of a group. Batch-mode FGS is defined on 100 samples; all else only needs a fixed number.
    public static let groupSize = 100

    /// The network, worked out.
    public var plan: NetworkPlan { model.plan }
    /// The mean training image, HWC in 0..255.
    public let meanImage: [Float]
    /// The key of all random numbers.
    public let seed: UInt64

    let model: Model
    private var evaluationGradients: Propagation?

    /// Takes the network of a checkpoint.
    ///
    /// - Throws: `Failure` 65 where the checkpoint holds no network that fits together.
    public init(_ checkpoint: Checkpoint, seed: UInt64) throws {
        BLAS.useOneThread()
        model = try checkpoint.model()
        meanImage = try checkpoint.meanImage(model.plan.network.input)
        self.seed = seed
    }

    /// A propagation for a group whose gradients use running moments; shared by all attacks.
    func gradients() -> Propagation {
        if let evaluationGradients { return evaluationGradients }
        let propagation = Propagation(
            model, lanes: 1, laneCapacity: Victim.groupSize, backward: true, inputGradient: true)
        evaluationGradients = propagation
        return propagation
    }

    /// The random numbers of a sample for one use.
    func random(sample: Int32, use: String) -> Philox {
        // FNV-1a of the use's name.
        let salt = use.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return Philox(seed: seed, purpose: .attack, Int(sample), Int(salt))
    }
}
