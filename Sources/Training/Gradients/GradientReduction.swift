import Datasets
import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks

/// Forms the gradient of the global batch from what the lanes contribute (invariant 1).
///
/// Sums over lanes follow one fixed tree. A large fully connected layer goes another way, see ``FactorReduction``. In
/// the `fast` mode each rank sums what it has and MPI adds up in whatever order it likes.
///
/// On several hosts gradients of neighbouring blocks travel together, see ``GradientBucket``. With `overlaps` a bucket
/// travels while the backward pass goes on with the blocks before it, between ranks that speak about nothing else;
/// `finishPass` waits for what is still under way. Where ranks of a host share memory, they bring what they have for
/// `finishPass` to sum, so that they wait for each other a few times in all.
final class GradientReduction: StepReducer {
    /// The gradient of the step, one piece for each of the layout's entries: those of a bucket lie together, and that
    /// of a large fully connected layer in memory that the ranks of a host share; that may be read until the next
    /// backward pass.
    let gradients: [UnsafeMutablePointer<Float>]
    /// Those whose place is nobody else's choice.
    private let ownGradients: [Buffer<Float>]
    private let model: Model
    private let propagation: Propagation
    /// How each block's weight gradient is formed; nil of a block without a weight. Of a bucket the last block's has
    /// the stages of the exchange.
    private let weightGradients: [(any WeightGradient)?]
    private let overlaps: Bool
    /// True where sums are left to `finishPass`.
    private let defers: Bool
    /// The sizes of the blocks' weights, 0 of a block without one, and where the gradients of these are in `gradients`.
    private let weightCounts: [Int]
    private let weights: [Int]
    /// Reductions of short sums (for each channel, the losses), by their number of values.
    private let shortSums: [Int: LaneReduction<Double>]
    private let lanes: Range<Int>
    private let plan: LanePlan
    private var pass = 0
    private var adding = false
    /// The record of a pass for audits; nil without them.
    let record: MicroBatchRecord?
    /// Called on a lane's partial gradient, or its rows of the deltas, before anything is done with it: for tests.
    var disturb: ((_ lane: Int, UnsafeMutablePointer<Float>, _ count: Int) -> Void)?

    /// Collective: every rank of the groups calls this.
    ///
    /// - Parameter channels: for each bucket groups whose first ranks speak about nothing else.
    init(
        _ model: Model, _ propagation: Propagation, groups: HostGroups, channels: [HostGroups], plan: LanePlan,
        _ assignment: LaneAssignment, mode: ReductionMode, overlaps: Bool, records: Bool
    ) throws {
        let ranks = groups.world.worldSize
        self.overlaps = overlaps && ranks > 1
        defers = self.overlaps || mode == .exact && groups.count < ranks
        self.plan = plan
        self.model = model
        self.propagation = propagation
        lanes = assignment[groups.world.rank]
        record = records ? MicroBatchRecord(lanes: lanes.count) : nil
        weightCounts = model.plan.blocks.map { $0.convolution?.weightCount ?? 0 }
        let buckets = GradientBucket.buckets(
            model.plan, batch: plan.batch, lanes: plan.lanes, hosts: groups.count, mode: mode)
        precondition(channels.count == buckets.count, "\(channels.count) channels for \(buckets.count) buckets")
        var weightGradients = [(any WeightGradient)?](repeating: nil, count: model.plan.blocks.count)
        // In one order on all ranks: taking their memory is collective.
        for (bucket, channel) in zip(buckets, channels) {
            let gradients = try Self.weightGradients(
                of: bucket, propagation, channel, plan: plan, assignment, mode: mode)
            for (block, gradient) in zip(bucket.blocks, gradients) { weightGradients[block] = gradient }
        }
        self.weightGradients = weightGradients
        let places = model.layout.entries.map { $0.kind == .weight ? weightGradients[$0.block]?.place : nil }
        let own = zip(model.layout.entries, places).map { Buffer<Float>($1 == nil ? $0.count : 0) }
        gradients = zip(places, own).map { $0 ?? $1.pointer }
        ownGradients = own
        weights = model.plan.blocks.indices.map { block in
            model.layout.entries.firstIndex { $0.block == block && $0.kind == .weight } ?? 0
        }
        var sums: [Int: LaneReduction<Double>] = [:]
        // In one order on all ranks: taking their memory is collective.
        for count in Self.shortCounts(model.plan).sorted() {
            sums[count] = try LaneReduction(groups, assignment, count: count, mode: mode)
        }
        shortSums = sums
    }

    /// The memory of the gradients on a rank and its host, with the sums behind them, known before any of it is taken;
    /// `batch` is that of a pass.
    static func memory(
        _ plan: NetworkPlan, batch: Int, _ assignment: LaneAssignment, rank: Int, ranksOfHost: Int,
        mode: ReductionMode
    ) -> MemorySize {
        let layout = ParameterLayout(plan)
        var size = MemorySize(own: 4 * Double(layout.count))
        let hosts = (assignment.ranks + ranksOfHost - 1) / ranksOfHost
        for bucket in GradientBucket.buckets(plan, batch: batch, lanes: assignment.lanes, hosts: hosts, mode: mode) {
            switch bucket {
            case .product(let block): size.own += 4 * Double(block.convolution.weightCount)
            case .factors(let block):
                size += FactorReduction.memory(
                    batch: batch, inputs: block.convolution.patchCount, outputs: block.convolution.filters,
                    ranks: assignment.ranks)
                // The gradient lies with the factors.
                if assignment.ranks > 1 { size.own -= 4 * Double(block.convolution.weightCount) }
            case .lanes(let blocks):
                let pieces = LaneReduction<Float>.pieces(of: blocks.map(\.convolution.weightCount))
                size += LaneReduction<Float>.memory(
                    assignment, rank: rank, ranksOfHost: ranksOfHost, count: pieces.last?.upperBound ?? 0, mode: mode)
            }
        }
        for count in shortCounts(plan) {
            size += LaneReduction<Double>.memory(
                assignment, rank: rank, ranksOfHost: ranksOfHost, count: count, mode: mode)
        }
        return size
    }

    /// The numbers of values of the short sums.
    private static func shortCounts(_ plan: NetworkPlan) -> Set<Int> {
        Set(plan.blocks.map { 2 * $0.sourceShape.channels } + [ForwardBackward.sumCount, 1])
    }

    /// How the weight gradients of a bucket's blocks are formed. Collective.
    private static func weightGradients(
        of bucket: GradientBucket, _ propagation: Propagation, _ groups: HostGroups, plan: LanePlan,
        _ assignment: LaneAssignment, mode: ReductionMode
    ) throws -> [any WeightGradient] {
        switch bucket {
        case .product(let block):
            return [
                ProductGradient(
                    groups.world, propagation, block: block.index, count: block.convolution.weightCount)
            ]
        case .factors(let block):
            return [
                try FactorReduction(
                    groups, assignment, batch: plan.batch, inputs: block.convolution.patchCount,
                    outputs: block.convolution.filters, propagation, block: block.index)
            ]
        case .lanes(let blocks):
            let reduction = try LaneReduction<Float>(
                groups, assignment, pieces: blocks.map(\.convolution.weightCount), mode: mode)
            return LaneGradient.bucket(reduction, timeline: propagation.timeline)
        }
    }

    /// Starts a pass over one batch of the epoch. The first pass of a step writes the gradient, the others add to it.
    func beginPass(_ pass: Int, isFirst: Bool) {
        adding = !isFirst
        self.pass = pass
    }

    func continuePass() { adding = true }

    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws {
        guard let reduction = shortSums[count] else { preconditionFailure("nothing sums \(count) values") }
        reduction.begin()
        for lane in lanes {
            let own = partials + (lane - lanes.lowerBound) * count
            record?.note(lane: lane - lanes.lowerBound, own, count: count)
            reduction.partial(lane).baseAddress?.update(from: own, count: count)
            reduction.finishLane()
        }
        try timed { try reduction.reduce(into: total) { try letGradientsGoOn() } }
        record?.note(total: total, count: count)
    }

    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? {
        weightGradients[block]?.partial(lanes.lowerBound + lane)
    }

    func finishedLane(block: Int, lane: Int) {
        guard let gradient = weightGradients[block], gradient.sumsLanes else { return }
        if let partial = gradient.partial(lanes.lowerBound + lane) {
            disturb?(lane, partial, weightCounts[block])
            record?.note(lane: lane, partial, count: weightCounts[block])
        }
        gradient.finishLane()
    }

    func finishedBlock(_ block: Int, gradients: ChannelGradients) throws {
        if record != nil, !sumsLanes[block] { noteFactors(block) }
        if let gradient = weightGradients[block] {
            try gradient.start(into: self.gradients[weights[block]], adding: adding) {
                plan.count(lane: $0, stepInEpoch: pass)
            }
            if !defers { try finish(block) }
        }
        for (index, entry) in model.layout.entries.enumerated() where entry.block == block {
            let values: UnsafePointer<Float>
            switch entry.kind {
            case .weight: continue
            case .bias: values = gradients.bias
            case .gamma: values = gradients.gamma
            case .beta: values = gradients.beta
            }
            if !adding { self.gradients[index].update(repeating: 0, count: entry.count) }
            add(self.gradients[index], values, count: entry.count)
        }
    }

    func progress() throws {
        guard overlaps else { return }
        for case let gradient? in weightGradients where gradient.stagesLeft > 0 {
            if try timed({ try gradient.isReady() }) { try gradient.completeStage() }
        }
    }

    func finishPass() throws {
        // Stage by stage, so that none waits for what a rank does with another; in the order in which they were begun.
        let most = weightGradients.reduce(0) { max($0, $1?.stagesLeft ?? 0) }
        for left in stride(from: most, to: 0, by: -1) {
            for case let gradient? in weightGradients.reversed() where gradient.stagesLeft == left {
                try timed { try gradient.waitUntilReady { try letGradientsGoOn() } }
                try gradient.completeStage()
            }
        }
    }

    private func finish(_ block: Int) throws {
        while let gradient = weightGradients[block], gradient.stagesLeft > 0 {
            try timed { try gradient.waitUntilReady { try letGradientsGoOn() } }
            try gradient.completeStage()
        }
    }

    /// Lets the messages of all gradients under way go on, while something is waited for.
    private func letGradientsGoOn() throws {
        for case let gradient? in weightGradients.reversed() where gradient.stagesLeft > 0 {
            _ = try gradient.isReady()
        }
    }

    /// True where the lanes' partial gradients of a block are summed.
    var sumsLanes: [Bool] { weightGradients.map { $0?.sumsLanes ?? false } }

    private func noteFactors(_ block: Int) {
        guard let convolution = model.plan.blocks[block].convolution else { return }
        for lane in 0..<lanes.count {
            let (start, images) = (propagation.start(ofLane: lane), propagation.count(ofLane: lane))
            let deltas = propagation.blockDelta(block) + start * convolution.filters
            disturb?(lane, deltas, images * convolution.filters)
            record?.note(
                lane: lane, propagation.blockInput(block) + start * convolution.patchCount,
                count: images * convolution.patchCount)
            record?.note(lane: lane, deltas, count: images * convolution.filters)
        }
    }

    private func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
        try propagation.timeline.measure(.communicate, body)
    }
}
