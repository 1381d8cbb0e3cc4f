import Checkpoints
import Essentials
import Kernels
import MessagePassing
import Networks

/// The network under attack, as an attack sees it: outputs and input gradients in evaluation mode.
public final class TargetModel {
    /// The most samples of a group. Batch-mode FGS is defined on 100 samples.
    public static let groupSize = 100

    /// The network, worked out.
    public var plan: NetworkPlan { model.plan }
    /// The mean training image, HWC in 0..255.
    public let meanImage: [Float]
    /// The checkpoint's digest; empty for a network that is still in training.
    public let digest: String
    /// The range of pixels as the network sees it.
    public let box: PixelBox
    /// The key of all random numbers.
    public let seed: UInt64

    /// Called before every query, for messages and signals that come in between; an error that it throws ends the
    /// attack.
    var onQuery: (() throws -> Void)?

    /// The network itself.
    package let model: Model
    /// The elements of an image.
    var size: Int { plan.network.input.count }
    private let hasGradients: Bool
    private lazy var propagation = Propagation(
        model, lanes: 1, laneCapacity: TargetModel.groupSize, backward: hasGradients, inputGradient: hasGradients,
        independentImages: true, keepsOutputs: false)

    /// The sizes of what a target's passes take, known before any of it is taken.
    public static func sizes(_ plan: NetworkPlan, gradients: Bool) -> PropagationSizes {
        PropagationSizes(
            plan, lanes: 1, laneCapacity: groupSize, backward: gradients, inputGradient: gradients, keepsOutputs: false)
    }

    /// Takes the network of a checkpoint.
    ///
    /// - Throws: `Failure` 65 where the checkpoint holds no network that fits together.
    public convenience init(_ checkpoint: Checkpoint, seed: UInt64) throws {
        let model = try checkpoint.model()
        self.init(
            model, meanImage: try checkpoint.meanImage(model.plan.network.input), seed: seed,
            digest: checkpoint.contentDigest)
    }

    /// Takes a network as it is; its parameters may change between attacks.
    ///
    /// - Parameter gradients: false where outputs are all that is asked of it, which takes less memory.
    public init(_ model: Model, meanImage: [Float], seed: UInt64, digest: String = "", gradients: Bool = true) {
        hasGradients = gradients
        self.digest = digest
        BLAS.useOneThread()
        self.model = model
        self.meanImage = meanImage
        self.seed = seed
        box = PixelBox(meanImage: meanImage)
    }

    /// The outputs z, [rows.count, outputs] in the order of `rows`, of those rows of `images`, [group, input shape].
    /// Valid until the next call. An image's outputs depend on nothing but the image (invariant 3). Local.
    public func outputs(_ rows: [Int], of images: UnsafePointer<Float>) throws -> UnsafePointer<Float> {
        precondition(rows.count <= TargetModel.groupSize, "\(rows.count) rows in a group of \(TargetModel.groupSize)")
        try onQuery?()
        Progress.beat()
        for (place, row) in rows.enumerated() {
            (propagation.input.pointer + place * size).update(from: images + row * size, count: size)
        }
        propagation.begin(images: rows.count)
        try propagation.forward(.running, reducer: nil)
        return UnsafePointer(propagation.outputs)
    }

    /// The gradients of any function of an image's outputs with respect to the image. Local.
    ///
    /// - Parameters:
    ///   - rows: the images to look at, at most ``groupSize``.
    ///   - images: [group, input shape], in pixel units less the mean image.
    ///   - gradient: [group, input shape]; the same rows are written, the others left alone.
    ///   - surrogateSlope: pretend that an mReLU's flat zones slope down by this much (BPDA, Athalye et al. 2018).
    ///   - objective: called with each row and its outputs z; writes the gradient with respect to z.
    public func gradients(
        _ rows: [Int], of images: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>,
        surrogateSlope: Float = 0,
        objective: (_ row: Int, _ z: UnsafePointer<Float>, _ zGradient: UnsafeMutablePointer<Float>) -> Void
    ) throws {
        let z = try outputs(rows, of: images)
        try gradientsOfOutputs(rows, z, into: gradient, surrogateSlope: surrogateSlope, objective: objective)
    }

    /// The same for the rows that `outputs` was last called with, whose outputs are `z`; can be called again with
    /// another objective.
    func gradientsOfOutputs(
        _ rows: [Int], _ z: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>, surrogateSlope: Float = 0,
        objective: (_ row: Int, _ z: UnsafePointer<Float>, _ zGradient: UnsafeMutablePointer<Float>) -> Void
    ) throws {
        precondition(hasGradients, "a target without gradients")
        for (place, row) in rows.enumerated() {
            objective(row, z + place * plan.outputs, propagation.outputGradient + place * plan.outputs)
        }
        try onQuery?()
        propagation.surrogateSlope = surrogateSlope
        try propagation.backward(reducer: nil)
        for (place, row) in rows.enumerated() {
            (gradient + row * size).update(from: propagation.inputGradient.pointer + place * size, count: size)
        }
    }

    /// The propagation itself, for a group that runs as one.
    func wholeGroup() -> Propagation { propagation }

    /// The random numbers of a sample for one use, restart and step.
    func random(sample: Int32, use: String, restart: Int = 0, step: Int = 0) -> Philox {
        // FNV-1a of the use's name, then of the two numbers.
        var salt = use.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        for number in [restart, step] where number != 0 || restart != 0 || step != 0 {
            salt = (salt ^ UInt32(truncatingIfNeeded: number)) &* 16_777_619
        }
        return Philox(seed: seed, purpose: .attack, Int(sample), Int(salt))
    }
}
