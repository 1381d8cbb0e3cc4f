import Datasets
import Kernels
import Lanes
import MessagePassing
import Networks

/// Forms the gradient of the global batch from what the lanes contribute (invariant 1).
///
/// Sums over lanes follow one fixed tree. A large fully connected layer goes another way, see ``FactorReduction``. In the
/// `fast` mode each rank sums what it has and MPI adds up in whatever order it likes.
///
/// With `overlaps` a block's gradient travels while the backward pass goes on with the blocks before it, on a communicator of its
/// own; `finishPass` waits for what is still under way. Ranks of one host send no gradients: they share memory, and bring
/// what they have for `finishPass` to sum, so that they wait for each other twice in all: for what each brings, and for its slices.
final class GradientReduction: LaneWorkOwner {
    /// The gradient of the step, one piece for each of the layout's entries: that of a large fully connected layer lies in memory
    /// that the ranks of a host share, and may be read until the next backward pass.
    let gradients: [UnsafeMutablePointer<Float>]
    /// Those that lie in memory of this rank's own.
    private let ownGradients: [Buffer<Float>]
    private let communicator: Communicator
    private let model: Model
    private let propagation: Propagation
    private let routes: [Route]
    private let overlaps: Bool
    /// Whether sums are left to `finishPass`.
    private let defers: Bool
    /// The sizes of the blocks' weights, 0 of a block without one, and where the gradients of these are in `gradients`.
    private let weightCounts: [Int]
    private let weights: [Int]
    /// A rank's part of a gradient that is formed in one product.
    private let partial: Buffer<Float>
    /// Reductions of short sums (for each channel, the losses), by their number of values.
    private let shortSums: [Int: LaneReduction<Double>]
    private let lanes: Range<Int>
    private let plan: LanePlan
    private var pass = 0
    private var adding = false
    /// What audits are to know of a pass; nil without them.
    let record: PassRecord?
    /// Called on a lane's partial gradient, or its rows of the deltas, before anything is done with it: for tests.
    var disturb: ((_ lane: Int, UnsafeMutablePointer<Float>, _ count: Int) -> Void)?

    /// How a block's weight gradient is formed.
    private enum Route {
        /// Lane partials along the tree.
        case tree(LaneReduction<Float>)
        /// From the gathered factors.
        case factors(FactorReduction)
        /// One product over the rank's images, then MPI's sum (`fast`).
        case local
        /// Not at all: the block has no weight.
        case none

        /// What may be under way.
        var sum: (any StagedCollective)? {
            switch self {
            case .tree(let reduction): reduction
            case .factors(let factors): factors
            case .local, .none: nil
            }
        }
    }

    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - channels: the ranks of `communicator` once more for each block.
    ///   - hosts: the number of hosts that they are on.
    init(
        _ model: Model, _ propagation: Propagation, communicator: Communicator, channels: [Communicator],
        plan: LanePlan, deal: LaneDeal, mode: ReductionMode, hosts: Int, overlaps: Bool, records: Bool
    ) throws {
        let sharing = try communicator.canShareMemory() && mode == .exact
        self.overlaps = overlaps && communicator.worldSize > 1
        defers = self.overlaps || sharing
        let (lanes, batch) = (plan.lanes, plan.batch)
        self.plan = plan
        self.communicator = communicator
        self.model = model
        self.propagation = propagation
        self.lanes = deal[communicator.rank]
        record = records ? PassRecord(lanes: deal[communicator.rank].count) : nil
        weightCounts = model.plan.blocks.map { $0.convolution?.weightCount ?? 0 }
        partial = Buffer(
            mode == .fast
                ? model.plan.convolutions.map { $0.isFullyConnected ? $0.weightCount : 0 }.max() ?? 0 : 0)
        routes = try model.plan.blocks.enumerated().map { index, block in
            guard let convolution = block.convolution else { return .none }
            let channel = channels[index]
            let (inputs, outputs) = (convolution.patchCount, convolution.filters)
            func tree() throws -> Route {
                .tree(
                    try LaneReduction(
                        channel, deal: deal, count: convolution.weightCount, mode: mode, sharing: sharing))
            }
            guard convolution.isFullyConnected else { return try tree() }
            if mode == .fast { return .local }
            guard FactorReduction.isCheaper(batch: batch, lanes: lanes, inputs: inputs, outputs: outputs) else {
                return try tree()
            }
            return .factors(
                try FactorReduction(
                    channel, deal: deal, batch: batch, inputs: inputs, outputs: outputs, sharing: sharing,
                    hosts: hosts, timeline: propagation.timeline, block: index))
        }
        let shared = model.layout.entries.map { [routes] entry -> UnsafeMutablePointer<Float>? in
            guard entry.kind == .weight, case .factors(let factors) = routes[entry.block] else { return nil }
            return factors.sharedGradient
        }
        let own = zip(model.layout.entries, shared).map { Buffer<Float>($1 == nil ? $0.count : 0) }
        gradients = zip(shared, own).map { $0 ?? $1.pointer }
        ownGradients = own
        weights = model.plan.blocks.indices.map { block in
            model.layout.entries.firstIndex { $0.block == block && $0.kind == .weight } ?? 0
        }
        var sums: [Int: LaneReduction<Double>] = [:]
        for count in model.plan.blocks.map({ 2 * $0.sourceShape.channels }) + [LaneWork.sumCount, 1]
        where sums[count] == nil {
            sums[count] = try LaneReduction(communicator, deal: deal, count: count, mode: mode, sharing: sharing)
        }
        shortSums = sums
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
        try timed { try reduction.reduce(into: total) }
        record?.note(total: total, count: count)
    }

    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? {
        guard case .tree(let reduction) = routes[block] else { return nil }
        if lane == 0 { reduction.begin() }
        return reduction.partial(lanes.lowerBound + lane).baseAddress
    }

    func finishedLane(block: Int, lane: Int) {
        guard case .tree(let reduction) = routes[block] else { return }
        if let partial = reduction.partial(lanes.lowerBound + lane).baseAddress {
            disturb?(lane, partial, weightCounts[block])
            record?.note(lane: lane, partial, count: weightCounts[block])
        }
        reduction.finishLane()
    }

    func finishedBlock(_ block: Int, gradients: ChannelGradients) throws {
        let count = weightCounts[block]
        let target = self.gradients[weights[block]]
        if record != nil, !sumsLanes[block] { noteFactors(block) }
        switch routes[block] {
        case .tree(let reduction):
            try timed {
                defers
                    ? try reduction.start(into: target, adding: adding)
                    : try reduction.reduce(into: target, adding: adding)
            }
        case .factors(let factors):
            try factors.start(
                propagation.blockInput(block), propagation.blockDelta(block), into: target, adding: adding
            ) { plan.count(lane: $0, stepInEpoch: pass) }
            if !defers { try finish(block) }
        case .local:
            let (inputs, outputs) = (count / propagation.channels(ofBlock: block), propagation.channels(ofBlock: block))
            propagation.timeline.measure(.weightGradient, block: block) {
                factorProduct(
                    partial.pointer, inputs: propagation.blockInput(block), stride: inputs,
                    propagation.blockDelta(block),
                    rows: inputs, columns: outputs, images: propagation.images, adding: false)
            }
            try timed {
                try communicator.allReduce(UnsafeMutableBufferPointer(start: partial.pointer, count: count), .sum)
            }
            if !adding { target.update(repeating: 0, count: count) }
            add(target, partial.pointer, count: count)
        case .none: break
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
        for block in routes.indices {
            guard let sum = routes[block].sum, sum.stagesLeft > 0, try timed({ try sum.isReady() })
            else { continue }
            try goOn(block)
        }
    }

    func finishPass() throws {
        // Each first to its last stage, so that none waits for what a rank does with another; in the order in which they were begun.
        for block in routes.indices.reversed() where routes[block].sum?.stagesLeft == 2 { try finishStage(block) }
        for block in routes.indices.reversed() { try finish(block) }
    }

    private func finish(_ block: Int) throws {
        while routes[block].sum?.stagesLeft ?? 0 > 0 { try finishStage(block) }
    }

    private func finishStage(_ block: Int) throws {
        try timed { try routes[block].sum?.waitUntilReady() }
        try goOn(block)
    }

    /// Goes on with a block's sum. Products are clocked as such.
    private func goOn(_ block: Int) throws {
        switch routes[block] {
        case .tree(let reduction): try timed { try reduction.goOn() }
        case .factors(let factors): try factors.goOn()
        case .local, .none: break
        }
    }

    /// Whether the lanes' partial gradients of a block are summed.
    var sumsLanes: [Bool] {
        routes.map { if case .tree = $0 { true } else { false } }
    }

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
