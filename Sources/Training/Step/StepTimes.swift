import Checkpoints
import Essentials
import Foundation
import Kernels
import Networks

/// The times of a training's steps.
public struct StepTimes {
    /// The images of each step over all ranks, and its wall-clock seconds on this rank.
    public let steps: [(images: Int, seconds: Double)]
    /// Where the time went on this rank.
    public let timeline: Timeline
    /// The network.
    public let plan: NetworkPlan

    /// Images a second over all ranks, step by step.
    public var rates: [Double] { steps.map { Double($0.images) / $0.seconds } }
    /// The images of all steps.
    public var images: Int { steps.reduce(0) { $0 + $1.images } }
    /// The seconds of all steps.
    public var seconds: Double { steps.reduce(0) { $0 + $1.seconds } }
}

extension Trainer {
    /// For tests of audits: calls back with the activations of each forward pass, and with each lane's gradients, and
    /// lets them be changed. The activations are those that go into the last layer.
    package func disturb(
        activations: @escaping (_ step: Int, UnsafeMutablePointer<Float>, _ count: Int) -> Void,
        gradients: @escaping (_ step: Int, UnsafeMutablePointer<Float>, _ count: Int) -> Void
    ) {
        engine.disturb(
            activations: { [unowned self] propagation in
                let last = propagation.plan.blocks.count - 1
                let count = propagation.images * (propagation.plan.blocks[last].convolution?.patchCount ?? 0)
                activations(state.step, propagation.blockInput(last), count)
            },
            gradients: { [unowned self] _, pointer, count in gradients(state.step, pointer, count) })
    }

    /// The images of the step that comes next, over all ranks.
    package var nextImages: Int { data.plan.batchSize(stepInEpoch: state.step % engine.stepsPerEpoch) }

    /// Computes one step of the training, with its checks. Collective.
    package func trainStep() throws {
        _ = try step()
    }

    /// The SHA-256 of the training's state, as `inspect --digest` prints it for a checkpoint.
    package var digest: String { checkpoint.trainingDigest }

    /// The seconds of the judgement of the validation images at an epoch's end; 0 without any. Collective.
    package func timeValidation() throws -> Double { try validator?.time(by: communicator) ?? 0 }

    /// Writes a checkpoint into a folder as a run does, on rank 0: its path, bytes and seconds. Local.
    package func timeCheckpoint(in folder: String) throws -> (path: String, bytes: Int, seconds: Double) {
        let run = try RunDirectory(folder, resume: false)
        let start = ContinuousClock.now
        let writer = CheckpointWriter(run, keep: 1)
        writer.start(checkpoint, isBest: false)
        _ = try writer.take(waiting: true)
        let time = seconds(since: start)
        let path = try RunDirectory.latestCheckpoint(in: folder)
        var status = stat()
        return (path, stat(path, &status) == 0 ? Int(status.st_size) : 0, time)
    }

    /// Computes the steps that come next, with no record of them. Collective.
    package func compute(steps count: Int) throws {
        for index in 0..<count {
            let step = state.step + index
            let rate = recipe.learningRate(step: step, stepsPerEpoch: engine.stepsPerEpoch)
            _ = try engine.step(step, learningRate: rate, stopping: false)
        }
    }

    /// Times steps of the training as `train` takes them, five at least, for about so many seconds, after three that
    /// are not timed; `detailed` clocks all activities, which costs a little. Collective.
    public func timeSteps(seconds budget: Double, detailed: Bool) throws -> StepTimes {
        engine.timeline.isDetailed = detailed
        for _ in 0..<2 { _ = try step() }
        let start = ContinuousClock.now
        _ = try step()
        let count = try communicator.broadcast(max(5, Int(min(1e6, budget / max(1e-9, seconds(since: start))))))
        engine.timeline.reset()
        let steps = try (0..<count).map { _ in
            let start = ContinuousClock.now
            let images = nextImages
            _ = try step()
            return (images, seconds(since: start))
        }
        return StepTimes(steps: steps, timeline: Timeline(copying: engine.timeline), plan: model.plan)
    }
}
