import Datasets
import Kernels
import MessagePassing
import Networks
import Robustness

/// What a step or an epoch adds up over the global batch.
struct TrainingSums: Equatable {
    /// The sum of the samples' losses.
    var loss = 0.0
    /// Samples whose winning output is not their label.
    var errors = 0.0
    /// Samples.
    var images = 0.0

    static func += (sums: inout TrainingSums, other: TrainingSums) {
        sums.loss += other.loss
        sums.errors += other.errors
        sums.images += other.images
    }

    var meanLoss: Double { images > 0 ? loss / images : 0 }
    var error: Double { images > 0 ? errors / images : 0 }
}

/// One optimiser update on one global batch: the part of training that takes the time. After the first step it allocates
/// nothing (invariant 6).
final class StepEngine {
    let model: Model
    let optimizer: Optimizer
    let stepsPerEpoch: Int
    /// Where the time of the steps goes.
    let timeline: Timeline
    /// The images that this rank has computed since the start.
    private(set) var computedImages = 0

    private let recipe: Recipe
    private let data: TrainingData
    private let lanes: Range<Int>
    private let propagation: Propagation
    private let reduction: GradientReduction
    private let sumReduction: LaneReduction<Double>
    private let divergenceReduction: LaneReduction<Double>
    /// The sample ids and labels of the local images, in their order.
    private let ids, labels: Buffer<Int32>
    private let partials: Buffer<Double>
    private let totals: Buffer<Double>
    private let adversary: AdversarialSamples?
    /// Of TRADES: the probabilities of the images, then those of their adversarial versions, [2, images, outputs].
    private let cleanOutputs: Buffer<Float>
    /// Optimiser updates of a step: one, but the replays of free adversarial training.
    private let updates: Int
    private var order: (epoch: Int, ids: [[Int32]]) = (-1, [])
    private var counts: [Int]

    /// Running moments move by this share a step, as in the released code.
    private static let momentRate: Float = 0.05
    /// Loss, errors, images, ranks asked to stop.
    private static let sumCount = 4

    /// Collective: every rank of the communicator calls this.
    init(
        _ recipe: Recipe, _ data: TrainingData, _ model: Model, communicator: Communicator, timeline: Timeline
    ) {
        self.timeline = timeline
        self.recipe = recipe
        self.data = data
        self.model = model
        lanes = LaneTree(lanes: recipe.lanes).lanes(ofRank: communicator.rank, of: communicator.worldSize)
        let capacity = (0..<recipe.lanes).map { data.plan.positions(ofLane: $0).count }.max() ?? 0
        propagation = Propagation(
            model, lanes: lanes.count, laneCapacity: capacity, backward: true,
            inputGradient: recipe.adversarialTraining != nil, timeline: timeline)
        updates = recipe.adversarialTraining?.method == .free ? recipe.adversarialTraining?.steps ?? 1 : 1
        optimizer = Optimizer(
            model, momentum: recipe.momentum, weightDecay: recipe.weightDecay,
            factors: recipe.rateFactors(model.layout), clipping: recipe.gradientClipping)
        reduction = GradientReduction(
            model, propagation, communicator: communicator, plan: data.plan, mode: recipe.reduction)
        sumReduction = LaneReduction(communicator, lanes: recipe.lanes, count: Self.sumCount, mode: recipe.reduction)
        divergenceReduction = LaneReduction(communicator, lanes: recipe.lanes, count: 1, mode: recipe.reduction)
        ids = Buffer(capacity * lanes.count)
        labels = Buffer(capacity * lanes.count)
        partials = Buffer(Self.sumCount * lanes.count)
        totals = Buffer(Self.sumCount)
        counts = [Int](repeating: 0, count: lanes.count)
        stepsPerEpoch = (data.plan.stepsPerEpoch + recipe.accumulation - 1) / recipe.accumulation
        adversary = recipe.adversarialTraining.map { [propagation, lanes, reduction] in
            AdversarialSamples(
                $0, seed: recipe.seed, propagation: propagation, capacity: capacity * lanes.count,
                meanImage: data.source.meanImage, sums: reduction)
        }
        cleanOutputs = Buffer(
            recipe.adversarialTraining?.method == .trades ? 2 * capacity * lanes.count * model.plan.outputs : 0)
    }

    /// Computes one step and updates the parameters, as long as its numbers are finite. Collective.
    ///
    /// - Parameter stopping: whether this rank was asked to stop.
    /// - Returns: the sums over the global batch; the norm of the gradient, not finite where the gradient or batch norm's
    ///   moments are not: the state is of no use then; and whether any rank was asked to stop.
    func step(_ step: Int, learningRate: Double, stopping: Bool) throws -> (TrainingSums, norm: Double, stop: Bool) {
        let epoch = step / stepsPerEpoch
        let first = step % stepsPerEpoch * recipe.accumulation
        let passes = first..<min(first + recipe.accumulation, data.plan.stepsPerEpoch)
        let stepImages = passes.reduce(0) { $0 + data.plan.batchSize(stepInEpoch: $1) }
        prepareOrder(epoch)
        var sums = TrainingSums()
        var stop = false
        var norm = Double.nan
        for update in 0..<updates {
            var updateSums = TrainingSums()
            for pass in passes {
                begin(pass, isFirst: pass == first)
                if update == 0 { fill(pass, epoch: epoch) }
                let (passSums, passStop) = try run(
                    Pass(
                        index: pass, epoch: epoch, update: update, stepImages: stepImages,
                        strength: recipe.adversarialTraining?.strength(step: step, stepsPerEpoch: stepsPerEpoch) ?? 0),
                    stopping: stopping)
                updateSums += passSums
                stop = stop || passStop
            }
            sums += updateSums
            norm = .nan
            guard sums.loss.isFinite else { break }
            norm = timeline.measure(.update) { optimizer.step(reduction.gradient, learningRate: learningRate) }
            let moments = sumOfSquares(model.moments.pointer, count: model.moments.count)
            if !moments.isFinite { norm = .nan }
            guard norm.isFinite else { break }
        }
        sums.loss /= Double(updates)
        sums.errors /= Double(updates)
        sums.images /= Double(updates)
        return (sums, norm, stop)
    }

    private func prepareOrder(_ epoch: Int) {
        guard order.epoch != epoch else { return }
        order = (epoch, lanes.map { data.plan.order(lane: $0, epoch: epoch) })
    }

    /// One batch of a step.
    private struct Pass {
        let index: Int
        let epoch: Int
        let update: Int
        /// The images of the step, over all its passes.
        let stepImages: Int
        /// Of adversarial training.
        let strength: Double
        var scale: Float { 1 / Float(stepImages) }
    }

    private func begin(_ pass: Int, isFirst: Bool) {
        for (index, lane) in lanes.enumerated() { counts[index] = data.plan.count(lane: lane, stepInEpoch: pass) }
        propagation.begin(counts: counts, globalImages: data.plan.batchSize(stepInEpoch: pass))
        reduction.beginPass(pass, isFirst: isFirst)
    }

    private func fill(_ pass: Int, epoch: Int) {
        let inputCount = data.network.input.count
        timeline.measure(.draw) {
            for (index, lane) in lanes.enumerated() {
                let start = propagation.start(ofLane: index)
                let own = order.ids[index][data.plan.range(lane: lane, stepInEpoch: pass)]
                own.withUnsafeBufferPointer { source in
                    if let base = source.baseAddress { (ids.pointer + start).update(from: base, count: source.count) }
                }
                data.source.fill(
                    own, epoch: epoch, step: pass, into: propagation.input.pointer + start * inputCount,
                    labels: labels.pointer + start)
            }
        }
        computedImages += propagation.images
    }

    /// Forward and backward over one batch, whose images stand in the propagation's input; adds to the step's gradient.
    private func run(_ pass: Pass, stopping: Bool) throws -> (TrainingSums, Bool) {
        if let adversary {
            switch adversary.settings.method {
            case .fgs, .fgsm, .pgd:
                try adversary.replace(labels.pointer, ids: ids.pointer, epoch: pass.epoch, strength: pass.strength)
            case .trades: return try runTrades(pass, adversary, stopping: stopping)
            case .free:
                if pass.update == 0 {
                    adversary.begin()
                    adversary.startAtRandom(ids.pointer, epoch: pass.epoch, strength: pass.strength)
                }
            }
        }
        try forward()
        timeline.measure(.loss) { writeLosses(scale: pass.scale, stopping: stopping) }
        let (sums, stop) = try reduceSums()
        // Every rank sees the same sums, so all skip the backward pass together.
        guard sums.loss.isFinite else { return (sums, stop) }
        try propagation.backward(owner: reduction)
        if let adversary, adversary.settings.method == .free { adversary.stepAlongGradient(strength: pass.strength) }
        return (sums, stop)
    }

    /// TRADES: loss(x) + beta KL(p(x) || p(x')). Batch norm takes x and x' as batches of their own, as its authors do. The
    /// gradient of x' goes first, then that of x, whose forward pass is done twice: its activations are not kept meanwhile.
    private func runTrades(
        _ pass: Pass, _ adversary: AdversarialSamples, stopping: Bool
    ) throws -> (TrainingSums, Bool) {
        let (images, outputs, loss) = (propagation.images, model.plan.outputs, model.plan.network.loss)
        let scale = pass.scale * Float(adversary.settings.beta)
        let p = cleanOutputs.pointer
        let q = p + images * outputs
        adversary.begin()
        try forward()
        for image in 0..<images {
            Divergence.probabilities(
                propagation.outputs + image * outputs, loss, outputs: outputs, into: p + image * outputs)
        }
        adversary.leaveOriginals(ids.pointer, epoch: pass.epoch)
        try adversary.ascend(.divergence(p), strength: pass.strength)
        try forward()
        for index in counts.indices {
            partials.pointer[index] = 0
            for image in propagation.start(ofLane: index)..<propagation.start(ofLane: index) + counts[index] {
                let z = propagation.outputs + image * outputs
                Divergence.probabilities(z, loss, outputs: outputs, into: q + image * outputs)
                partials.pointer[index] += Divergence.value(
                    z, loss, outputs: outputs, from: p + image * outputs,
                    gradient: propagation.outputGradient + image * outputs, scale: scale)
            }
        }
        try reduction.sum(partials.pointer, count: 1, by: divergenceReduction, into: totals.pointer)
        let divergence = totals.pointer[0]
        guard divergence.isFinite else { return (TrainingSums(loss: .nan, errors: 0, images: 0), false) }
        try propagation.backward(owner: reduction)
        reduction.continuePass()
        propagation.input.pointer.update(
            from: adversary.originals.pointer, count: images * model.plan.network.input.count)
        try propagation.forward(.batch, owner: reduction)
        writeLosses(scale: pass.scale, stopping: stopping)
        for image in 0..<images {
            Divergence.addGradient(
                propagation.outputs + image * outputs, loss, outputs: outputs, p: p + image * outputs,
                q: q + image * outputs, to: propagation.outputGradient + image * outputs, scale: scale)
        }
        var (sums, stop) = try reduceSums()
        sums.loss += adversary.settings.beta * divergence
        if sums.loss.isFinite { try propagation.backward(owner: reduction) }
        return (sums, stop)
    }

    /// The forward pass in training mode, running moments updated.
    private func forward() throws {
        try propagation.forward(.batch, owner: reduction)
        propagation.updateRunningMoments(rate: Self.momentRate)
    }

    /// The sums of `writeLosses` over the global batch, and whether any rank was asked to stop. Collective.
    private func reduceSums() throws -> (TrainingSums, Bool) {
        try reduction.sum(partials.pointer, count: Self.sumCount, by: sumReduction, into: totals.pointer)
        let sums = TrainingSums(loss: totals.pointer[0], errors: totals.pointer[1], images: totals.pointer[2])
        return (sums, totals.pointer[3] > 0)
    }

    /// Writes the outputs' gradients, and each lane's sums of loss, errors and images.
    private func writeLosses(scale: Float, stopping: Bool) {
        let outputs = model.plan.outputs
        let loss = model.plan.network.loss
        for index in counts.indices {
            let sums = partials.pointer + index * Self.sumCount
            sums.update(repeating: 0, count: Self.sumCount)
            for image in propagation.start(ofLane: index)..<propagation.start(ofLane: index) + counts[index] {
                let z = propagation.outputs + image * outputs
                let label = Int(labels.pointer[image])
                sums[0] += loss.value(
                    z, label: label, outputs: outputs, gradient: propagation.outputGradient + image * outputs,
                    scale: scale)
                sums[1] += loss.winner(z, outputs: outputs) == label ? 0 : 1
            }
            sums[2] = Double(counts[index])
            sums[3] = stopping ? 1 : 0
        }
    }
}
