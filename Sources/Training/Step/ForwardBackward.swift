import Datasets
import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes
import Robustness

/// The services that the work on a pass's lanes asks for: the sums over all lanes, and room for the gradients.
protocol StepReducer: GradientReducer {
    /// Lets a second backward pass over the same batch add to the first one's gradient.
    func continuePass()
    /// The backward pass is over: waits for what of the gradient is still under way.
    func finishPass() throws
}

/// One batch of a step.
struct MicroBatch {
    /// Its number in the epoch.
    let index: Int
    let epoch: Int
    /// The number of the optimiser's update in the step.
    let update: Int
    /// The images of the step, over all its passes.
    let stepImages: Int
    /// The share of adversarial training's strengths.
    let ramp: Double
    var scale: Float { 1 / Float(stepImages) }
}

/// Forward and backward over some lanes of a batch, in memory of its own: what a rank does with its lanes, and what
/// another one does to check it.
final class ForwardBackward {
    let propagation: Propagation
    /// The sample ids and labels of the local images, in their order.
    let ids, labels: Buffer<Int32>
    /// Room for an image, where images are mixed.
    let scratch: Buffer<Float>
    /// The images of each lane, after `begin`.
    private(set) var counts: [Int]

    /// Called after each forward pass: for tests.
    var afterForward: ((Propagation) -> Void)?

    private let recipe: Recipe
    private let plan: LanePlan
    private let model: Model
    private let reducer: any StepReducer
    private let partials: Buffer<Double>
    private let totals: Buffer<Double>
    private let adversary: AdversarialSamples?
    /// Of TRADES: the probabilities of the images, then those of their adversarial versions, [2, images, outputs].
    private let cleanOutputs: Buffer<Float>

    /// Running moments move by this share a step, as in the released code.
    private static let momentRate: Float = 0.05
    /// Loss, errors, images, ranks asked to stop; drawn samples, their errors; images that are rejected.
    static let sumCount = 7

    /// A propagation for so many lanes of a recipe's batches.
    static func propagation(
        _ recipe: Recipe, _ data: TrainingData, _ model: Model, lanes: Int, timeline: Timeline? = nil
    ) -> Propagation {
        Propagation(
            model, lanes: lanes, laneCapacity: data.plan.laneCapacity, backward: true,
            inputGradient: recipe.adversarialTraining != nil, timeline: timeline)
    }

    /// The bytes of such work with its propagation, known before any of it is taken.
    static func memory(_ recipe: Recipe, _ plan: NetworkPlan, lanes: Int, laneCapacity: Int) -> Double {
        let (capacity, adversarial) = (lanes * laneCapacity, recipe.adversarialTraining)
        let sizes = PropagationSizes(
            plan, lanes: lanes, laneCapacity: laneCapacity, backward: true, inputGradient: adversarial != nil)
        // A sample id and a label each.
        var bytes = sizes.bytes + 8 * Double(capacity)
        if let adversarial {
            bytes += AdversarialSamples.memory(adversarial, capacity: capacity, size: plan.network.input.count)
            if adversarial.method == .trades { bytes += 8 * Double(capacity) * Double(plan.outputs) }
        }
        return bytes
    }

    /// Takes memory for the lanes of a propagation, whose sums over all lanes the reducer forms.
    init(_ recipe: Recipe, _ data: TrainingData, _ propagation: Propagation, reducer: any StepReducer) {
        self.recipe = recipe
        self.propagation = propagation
        self.reducer = reducer
        model = propagation.model
        plan = data.plan
        let (lanes, capacity) = (propagation.lanes, data.plan.laneCapacity)
        ids = Buffer(capacity * lanes)
        labels = Buffer(capacity * lanes)
        scratch = Buffer(recipe.cutMix > 0 ? data.network.input.count : 0)
        partials = Buffer(Self.sumCount * lanes)
        totals = Buffer(Self.sumCount)
        counts = [Int](repeating: 0, count: lanes)
        adversary = recipe.adversarialTraining.map {
            AdversarialSamples(
                $0, seed: recipe.seed, imageCount: data.source.imageCount, propagation: propagation,
                capacity: capacity * lanes,
                meanImage: data.source.meanImage, sums: reducer)
        }
        cleanOutputs = Buffer(
            recipe.adversarialTraining?.method == .trades ? 2 * capacity * lanes * model.plan.outputs : 0)
    }

    /// Sets the lanes for a pass: local lane i is lane `first` + i. Local.
    func begin(_ pass: Int, firstLane first: Int) {
        for index in counts.indices { counts[index] = plan.count(lane: first + index, stepInEpoch: pass) }
        propagation.begin(counts: counts, globalImages: plan.batchSize(stepInEpoch: pass))
    }

    /// The images of a local lane.
    func images(ofLane lane: Int) -> Range<Int> {
        propagation.start(ofLane: lane)..<propagation.start(ofLane: lane) + counts[lane]
    }

    /// Forward and backward over the images that stand in the propagation's input. Returns the sums over the global
    /// batch, and whether any rank was asked to stop. Collective, by the reducer's sums.
    func run(_ pass: MicroBatch, stopping: Bool) throws -> (TrainingSums, Bool) {
        propagation.dropout = DropoutDraws(
            seed: recipe.seed, epoch: pass.epoch, update: pass.update, ids: ids.pointer)
        if let adversary {
            switch adversary.settings.method {
            case .fgs, .fgsm, .pgd:
                try adversary.replace(labels.pointer, ids: ids.pointer, epoch: pass.epoch, ramp: pass.ramp)
            case .trades: return try runTrades(pass, adversary, stopping: stopping)
            case .free:
                if pass.update == 0 {
                    adversary.begin(ids.pointer, epoch: pass.epoch, ramp: pass.ramp)
                    adversary.startAtRandom(ids.pointer, epoch: pass.epoch)
                }
            }
        }
        try forward()
        propagation.timeline.measure(.loss) { writeLosses(scale: pass.scale, stopping: stopping) }
        let (sums, stop) = try reduceSums()
        // Every rank sees the same sums, so all skip the backward pass together.
        guard sums.loss.isFinite else { return (sums, stop) }
        try propagation.backward(reducer: reducer)
        try reducer.finishPass()
        if let adversary, adversary.settings.method == .free { adversary.stepAlongGradient() }
        return (sums, stop)
    }

    /// Forward over the images that stand in the propagation's input, and their moments into a mean: those of the k-th
    /// of them, counted from 1. Collective, by the reducer's sums.
    func averageMoments(_ k: Int) throws {
        // Moments for evaluation, where nothing is dropped.
        propagation.dropout = nil
        try propagation.forward(.batch, reducer: reducer)
        propagation.updateRunningMoments(rate: 1 / Float(k))
    }

    /// TRADES: loss(x) + beta KL(p(x) || p(x')). Batch norm takes x and x' as batches of their own, as its authors do.
    /// The gradient of x' goes first, then that of x, whose forward pass is done twice: its activations are not kept
    /// meanwhile.
    private func runTrades(
        _ pass: MicroBatch, _ adversary: AdversarialSamples, stopping: Bool
    ) throws -> (TrainingSums, Bool) {
        let (images, outputs, loss) = (propagation.images, model.plan.outputs, model.plan.network.loss)
        let scale = pass.scale * Float(adversary.settings.beta)
        let p = cleanOutputs.pointer
        let q = p + images * outputs
        adversary.begin(ids.pointer, epoch: pass.epoch, ramp: pass.ramp)
        try forward()
        for image in 0..<images {
            Divergence.probabilities(
                propagation.outputs + image * outputs, loss, outputs: outputs, into: p + image * outputs)
        }
        adversary.leaveOriginals(ids.pointer, epoch: pass.epoch)
        try adversary.ascend(.divergence(p))
        try forward()
        for index in counts.indices {
            partials.pointer[index] = 0
            for image in self.images(ofLane: index) {
                let z = propagation.outputs + image * outputs
                Divergence.probabilities(z, loss, outputs: outputs, into: q + image * outputs)
                partials.pointer[index] += Divergence.value(
                    z, loss, outputs: outputs, from: p + image * outputs,
                    gradient: propagation.outputGradient + image * outputs, scale: scale)
            }
        }
        try reducer.sum(partials.pointer, count: 1, into: totals.pointer)
        let divergence = totals.pointer[0]
        guard divergence.isFinite else { return (TrainingSums(loss: .nan, errors: 0, images: 0), false) }
        try propagation.backward(reducer: reducer)
        try reducer.finishPass()
        reducer.continuePass()
        propagation.input.pointer.update(
            from: adversary.originals.pointer, count: images * model.plan.network.input.count)
        try propagation.forward(.batch, reducer: reducer)
        writeLosses(scale: pass.scale, stopping: stopping)
        for image in 0..<images {
            Divergence.addGradient(
                propagation.outputs + image * outputs, loss, outputs: outputs, p: p + image * outputs,
                q: q + image * outputs, to: propagation.outputGradient + image * outputs, scale: scale)
        }
        var (sums, stop) = try reduceSums()
        sums.loss += adversary.settings.beta * divergence
        if sums.loss.isFinite {
            try propagation.backward(reducer: reducer)
            try reducer.finishPass()
        }
        return (sums, stop)
    }

    /// The forward pass in training mode, running moments updated.
    private func forward() throws {
        try propagation.forward(.batch, reducer: reducer)
        propagation.updateRunningMoments(rate: Self.momentRate)
        afterForward?(propagation)
    }

    /// The sums of `writeLosses` over the global batch, and whether any rank was asked to stop. Collective.
    private func reduceSums() throws -> (TrainingSums, Bool) {
        try reducer.sum(partials.pointer, count: Self.sumCount, into: totals.pointer)
        let totals = totals.pointer
        let sums = TrainingSums(
            loss: totals[0], errors: totals[1], images: totals[2], drawn: totals[4], drawnErrors: totals[5],
            rejected: totals[6])
        return (sums, totals[3] > 0)
    }

    /// Writes the outputs' gradients, and each lane's sums (`TrainingSums`) with the request to stop.
    private func writeLosses(scale: Float, stopping: Bool) {
        let outputs = model.plan.outputs
        let classes = model.plan.network.classes
        let loss = model.plan.network.loss
        let smoothing = Float(recipe.labelSmoothing)
        for index in counts.indices {
            let sums = partials.pointer + index * Self.sumCount
            sums.update(repeating: 0, count: Self.sumCount)
            for image in images(ofLane: index) {
                let z = propagation.outputs + image * outputs
                let mixed = MixedLabel(packed: labels.pointer[image])
                let label = mixed.label
                sums[0] += loss.value(
                    z, label: label, outputs: outputs, gradient: propagation.outputGradient + image * outputs,
                    scale: scale, other: mixed.share > 0 ? (mixed.other, mixed.share) : nil, smoothing: smoothing)
                let winner = loss.winner(z, outputs: outputs)
                let error: Double = winner == label ? 0 : 1
                sums[1] += error
                if label >= classes {
                    sums[4] += 1
                    sums[5] += error
                } else if winner >= classes {
                    sums[6] += 1
                }
            }
            sums[2] = Double(counts[index])
            sums[3] = stopping ? 1 : 0
        }
    }
}
