import DataFeed
import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes

/// One optimiser update on one global batch: the part of training that takes the time. After the first step it
/// allocates nothing (invariant 6).
package final class StepEngine {
    let model: Model
    let optimizer: Optimizer
    let stepsPerEpoch: Int
    /// Where the time of the steps goes.
    let timeline: Timeline
    /// This rank's work since the engine was made, but for its first two steps.
    private(set) var throughput = RankThroughput()

    /// The images that this rank has computed since the engine was made.
    private(set) var computedImages = 0

    private let communicator: Communicator
    private let recipe: Recipe
    private let data: TrainingData
    private let lanes: Range<Int>
    private let work: ForwardBackward
    private let reduction: GradientReduction
    private let auditor: Auditor?
    /// Optimiser updates of a step: one, but the replays of free adversarial training.
    private let updates: Int
    private var order: (epoch: Int, ids: [[Int32]]) = (-1, [])
    private var untimedSteps = 2
    /// The step whose images are there, where they pass through memory.
    private var preparedStep = -1
    /// Why the images of the step after the last one are not to be had; on the ranks of one host.
    private(set) var inputFailure: Failure?

    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - optimizer: goes on where it stands.
    ///   - groups: the ranks by their hosts.
    ///   - channels: for each bucket of gradients groups whose first ranks speak about nothing else.
    ///   - overlaps: whether gradients travel while the backward pass goes on.
    init(
        _ recipe: Recipe, _ data: TrainingData, _ model: Model, _ optimizer: Optimizer, groups: HostGroups,
        channels: [HostGroups], overlaps: Bool, timeline: Timeline
    ) throws {
        self.timeline = timeline
        let communicator = groups.world
        self.communicator = communicator
        self.recipe = recipe
        self.data = data
        self.model = model
        self.optimizer = optimizer
        lanes = data.assignment[communicator.rank]
        let propagation = ForwardBackward.propagation(recipe, data, model, lanes: lanes.count, timeline: timeline)
        reduction = try GradientReduction(
            model, propagation, groups: groups, channels: channels, plan: data.plan, data.assignment,
            mode: recipe.reduction, overlaps: overlaps, records: recipe.audit > 0)
        work = ForwardBackward(recipe, data, propagation, reducer: reduction)
        auditor =
            recipe.audit > 0
            ? Auditor(
                recipe, data, model, checking: work, sumsLanes: reduction.sumsLanes, communicator: communicator) : nil
        updates = recipe.adversarialTraining?.method == .free ? recipe.adversarialTraining?.steps ?? 1 : 1
        stepsPerEpoch = (data.plan.stepsPerEpoch + recipe.accumulation - 1) / recipe.accumulation
    }

    /// Computes one step and updates the parameters, as long as its loss is finite. Collective.
    ///
    /// - Parameter stopping: whether this rank was asked to stop.
    /// - Returns: the sums over the global batch; the norm of the gradient, not finite where the gradient, a parameter
    ///   or batch norm's moments are not: the state is of no use then; and whether any rank was asked to stop.
    func step(_ step: Int, learningRate: Double, stopping: Bool) throws -> (TrainingSums, norm: Double, stop: Bool) {
        let start = Timeline.now
        let waited = timeline.seconds(.communicate)
        let epoch = step / stepsPerEpoch
        let first = step % stepsPerEpoch * recipe.accumulation
        let passes = first..<min(first + recipe.accumulation, data.plan.stepsPerEpoch)
        let stepImages = passes.reduce(0) { $0 + data.plan.batchSize(stepInEpoch: $1) }
        prepareOrder(epoch)
        try prepareImages(step)
        let stopping = stopping || inputFailure != nil
        var sums = TrainingSums()
        var stop = false
        var norm = Double.nan
        let before = computedImages
        let checks =
            auditor == nil
            ? [] : Auditor.checks(recipe.audit, seed: recipe.seed, step: step, assignment: data.assignment)
        for update in 0..<updates {
            var updateSums = TrainingSums()
            for pass in passes {
                work.begin(pass, firstLane: lanes.lowerBound)
                reduction.beginPass(pass, isFirst: pass == first)
                if update == 0 {
                    fill(pass, epoch: epoch)
                    computedImages += work.propagation.images
                }
                let current = MicroBatch(
                    index: pass, epoch: epoch, update: update, stepImages: stepImages,
                    ramp: recipe.adversarialTraining?.ramp(step: step, stepsPerEpoch: stepsPerEpoch) ?? 0)
                // A replay of free adversarial training starts from what the one before left on its rank.
                let audits = update == 0 && !checks.isEmpty
                if audits, let auditor {
                    auditor.begin(work)
                    reduction.record?.open()
                }
                let (passSums, passStop) = try work.run(current, stopping: stopping)
                if audits, let auditor, let record = reduction.record {
                    record.close()
                    try Progress.during(.auditing) {
                        try auditor.verify(checks, current, record, work, stopping: stopping)
                    }
                }
                updateSums += passSums
                stop = stop || passStop
            }
            sums += updateSums
            norm = .nan
            guard sums.loss.isFinite else { break }
            norm = timeline.measure(.update) { optimizer.step(reduction.gradients, learningRate: learningRate) }
            if !hasFiniteMoments { norm = .nan }
            // The loss is the same on all ranks; all else may be one rank's affair, and then all end their replays
            // together.
            if update + 1 < updates, try !areAllFinite(norm) { break }
        }
        sums /= Double(updates)
        if untimedSteps > 0 {
            untimedSteps -= 1
        } else {
            throughput.add(
                images: computedImages - before,
                seconds: Double(Timeline.now - start) * 1e-9 - (timeline.seconds(.communicate) - waited))
        }
        return (sums, norm, stop)
    }

    /// Collective.
    private func areAllFinite(_ norm: Double) throws -> Bool {
        try timeline.measure(.communicate) { try communicator.allReduce(Int32(norm.isFinite ? 1 : 0), .min) == 1 }
    }

    /// Sets batch norm's moments to their means over the first batches of an epoch, as many as the recipe says, without
    /// random training's noise. Collective.
    ///
    /// - Returns: whether they are finite, here.
    func averageMoments(epoch: Int) throws -> Bool {
        prepareOrder(epoch)
        // Images that pass through memory come once more.
        try data.stream?.restart(by: communicator)
        preparedStep = -1
        defer { preparedStep = -1 }
        for pass in 0..<min(recipe.preciseMoments, data.plan.stepsPerEpoch) {
            Progress.beat()
            if let stream = data.stream {
                let positions = pass * data.plan.batch..<pass * data.plan.batch + data.plan.batchSize(stepInEpoch: pass)
                try communicator.agree { try stream.demand((epoch, positions)) }
            }
            work.begin(pass, firstLane: lanes.lowerBound)
            fill(pass, epoch: epoch, noise: false)
            try work.averageMoments(pass + 1)
        }
        try data.stream?.restart(by: communicator)
        return hasFiniteMoments
    }

    private var hasFiniteMoments: Bool { sumOfSquares(model.moments.pointer, count: model.moments.count).isFinite }

    /// Called on the batch's activations after each forward pass, and on each lane's gradients: for tests.
    func disturb(
        activations: @escaping (Propagation) -> Void,
        gradients: @escaping (_ lane: Int, UnsafeMutablePointer<Float>, _ count: Int) -> Void
    ) {
        work.afterForward = activations
        reduction.disturb = gradients
    }

    /// Begins to count images and the rank's throughput anew.
    func resetCounts() {
        throughput = RankThroughput()
        computedImages = 0
    }

    private func prepareOrder(_ epoch: Int) {
        guard order.epoch != epoch else { return }
        order = (epoch, data.plan.orders(of: lanes, epoch: epoch))
    }

    /// Waits for the images of a step and of the one behind it, where they pass through memory: so that all ranks hear
    /// of a failure while the step under way can still be done. Collective at the first step.
    private func prepareImages(_ step: Int) throws {
        guard let stream = data.stream else { return }
        try timeline.measure(.draw) {
            if preparedStep != step { try communicator.agree { try stream.demand(span(step)) } }
            do {
                try stream.demand(span(step), then: span(step + 1))
                preparedStep = step + 1
            } catch { inputFailure = Failure(error) }
        }
    }

    /// The positions of a step in its epoch.
    private func span(_ step: Int) -> ImageStream.Span {
        let first = step % stepsPerEpoch * recipe.accumulation * data.plan.batch
        return (step / stepsPerEpoch, first..<min(first + recipe.accumulation * data.plan.batch, data.plan.samples))
    }

    private func fill(_ pass: Int, epoch: Int, noise: Bool = true) {
        let inputCount = data.network.input.count
        timeline.measure(.draw) {
            for (index, lane) in lanes.enumerated() {
                let start = work.propagation.start(ofLane: index)
                let own = order.ids[index][data.plan.range(lane: lane, stepInEpoch: pass)]
                own.withUnsafeBufferPointer { source in
                    if let base = source.baseAddress {
                        (work.ids.pointer + start).update(from: base, count: source.count)
                    }
                }
                data.source.fill(
                    own, epoch: epoch, step: pass, noise: noise,
                    into: work.propagation.input.pointer + start * inputCount,
                    labels: work.labels.pointer + start,
                    scratch: work.scratch.count > 0 ? work.scratch.pointer : nil)
            }
        }
    }
}
