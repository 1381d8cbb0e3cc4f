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
    private(set) var clock = TrainingClock()
    /// The images that this rank has computed since the start.
    private(set) var computedImages = 0

    private let recipe: Recipe
    private let data: TrainingData
    private let lanes: Range<Int>
    private let propagation: Propagation
    private let reduction: GradientReduction
    private let sumReduction: LaneReduction<Double>
    private let labels: Buffer<Int32>
    private let partials: Buffer<Double>
    private let totals: Buffer<Double>
    private let adversary: AdversarialSamples?
    private var order: (epoch: Int, ids: [[Int32]]) = (-1, [])
    private var counts: [Int]

    /// Running moments move by this share a step, as in the released code.
    private static let momentRate: Float = 0.05
    /// Loss, errors, images, ranks asked to stop.
    private static let sumCount = 4

    /// Collective: every rank of the communicator calls this.
    init(_ recipe: Recipe, _ data: TrainingData, _ model: Model, communicator: Communicator) {
        self.recipe = recipe
        self.data = data
        self.model = model
        lanes = LaneTree(lanes: recipe.lanes).lanes(ofRank: communicator.rank, of: communicator.worldSize)
        let capacity = (0..<recipe.lanes).map { data.plan.positions(ofLane: $0).count }.max() ?? 0
        propagation = Propagation(
            model, lanes: lanes.count, laneCapacity: capacity, backward: true,
            inputGradient: recipe.adversarialTraining != nil)
        optimizer = Optimizer(
            model, momentum: recipe.momentum, weightDecay: recipe.weightDecay,
            factors: recipe.rateFactors(model.layout), clipping: recipe.gradientClipping)
        reduction = GradientReduction(
            model, propagation, communicator: communicator, plan: data.plan, mode: recipe.reduction)
        sumReduction = LaneReduction(communicator, lanes: recipe.lanes, count: Self.sumCount, mode: recipe.reduction)
        labels = Buffer(capacity * lanes.count)
        partials = Buffer(Self.sumCount * lanes.count)
        totals = Buffer(Self.sumCount)
        counts = [Int](repeating: 0, count: lanes.count)
        stepsPerEpoch = (data.plan.stepsPerEpoch + recipe.accumulation - 1) / recipe.accumulation
        adversary = recipe.adversarialTraining.map { [propagation, lanes] in
            AdversarialSamples($0, seed: recipe.seed, propagation: propagation, capacity: capacity * lanes.count)
        }
    }

    /// Computes one step and updates the parameters, as long as its numbers are finite. Collective.
    ///
    /// - Parameter stopping: whether this rank was asked to stop.
    /// - Returns: the sums over the global batch; the norm of the gradient, not finite where the gradient or batch norm's
    ///   moments are not: the state is of no use then; and whether any rank was asked to stop.
    func step(_ step: Int, learningRate: Double, stopping: Bool) throws -> (TrainingSums, norm: Double, stop: Bool) {
        let start = ContinuousClock.now
        let inputBefore = clock.input
        let epoch = step / stepsPerEpoch
        let first = step % stepsPerEpoch * recipe.accumulation
        let passes = first..<min(first + recipe.accumulation, data.plan.stepsPerEpoch)
        let stepImages = passes.reduce(0) { $0 + data.plan.batchSize(stepInEpoch: $1) }
        prepareOrder(epoch)
        var sums = TrainingSums()
        var stop = false
        for pass in passes {
            let (passSums, passStop) = try run(
                pass, epoch: epoch, isFirst: pass == first, stepImages: stepImages, stopping: stopping)
            sums += passSums
            stop = stop || passStop
        }
        var norm = Double.nan
        if sums.loss.isFinite {
            norm = optimizer.step(reduction.gradient, learningRate: learningRate)
            let moments = sumOfSquares(model.moments.pointer, count: model.moments.count)
            if !moments.isFinite { norm = .nan }
        }
        let communication = reduction.communicationSeconds
        clock.communication += communication
        clock.compute += seconds(since: start) - communication - (clock.input - inputBefore)
        return (sums, norm, stop)
    }

    private func prepareOrder(_ epoch: Int) {
        guard order.epoch != epoch else { return }
        order = (epoch, lanes.map { data.plan.order(lane: $0, epoch: epoch) })
    }

    /// Forward and backward over one batch.
    private func run(
        _ pass: Int, epoch: Int, isFirst: Bool, stepImages: Int, stopping: Bool
    ) throws -> (TrainingSums, Bool) {
        let started = ContinuousClock.now
        let plan = data.plan
        for (index, lane) in lanes.enumerated() { counts[index] = plan.count(lane: lane, stepInEpoch: pass) }
        propagation.begin(counts: counts, globalImages: plan.batchSize(stepInEpoch: pass))
        reduction.beginPass(pass, isFirst: isFirst)
        let inputCount = data.network.input.count
        for (index, lane) in lanes.enumerated() {
            let start = propagation.start(ofLane: index)
            data.source.fill(
                order.ids[index][plan.range(lane: lane, stepInEpoch: pass)], epoch: epoch, step: pass,
                into: propagation.input.pointer + start * inputCount, labels: labels.pointer + start)
        }
        clock.input += seconds(since: started)
        if let adversary {
            try adversary.replaceSamples(
                labels.pointer,
                ids: lanes.enumerated().lazy.flatMap { [order] index, lane in
                    order.ids[index][plan.range(lane: lane, stepInEpoch: pass)]
                }, epoch: epoch)
        }
        try propagation.forward(.batch, owner: reduction)
        propagation.updateRunningMoments(rate: Self.momentRate)
        computedImages += propagation.images
        writeLosses(scale: 1 / Float(stepImages), stopping: stopping)
        try reduction.sum(partials.pointer, count: Self.sumCount, by: sumReduction, into: totals.pointer)
        let sums = TrainingSums(loss: totals.pointer[0], errors: totals.pointer[1], images: totals.pointer[2])
        // Every rank sees the same sums, so all skip the backward pass together.
        if sums.loss.isFinite { try propagation.backward(owner: reduction) }
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
