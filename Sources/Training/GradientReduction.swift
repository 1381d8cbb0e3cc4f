import Datasets
import Kernels
import MessagePassing
import Networks

/// Forms the gradient of the global batch from what the lanes contribute (invariant 1).
///
/// Sums over lanes follow one fixed tree. A large fully connected layer goes another way, see ``FactorReduction``. In the
/// `fast` mode each rank sums what it has and MPI adds up in whatever order it likes.
final class GradientReduction: PropagationOwner {
    /// The gradient of the step, laid out as the model's parameters.
    let gradient: Buffer<Float>
    private let communicator: Communicator
    private let model: Model
    private let propagation: Propagation
    private let routes: [Route]
    private let entries: [ParameterLayout.Entry]
    private let partial: Buffer<Float>
    /// Reductions of sums for each channel, by their number of values.
    private let channelSums: [Int: LaneReduction<Double>]
    private let lanes: Range<Int>
    private let plan: LanePlan
    private var pass = 0
    private var adding = false

    /// How a block's weight gradient is formed.
    private enum Route {
        /// Lane partials along the tree.
        case tree(LaneReduction<Float>)
        /// From the gathered factors.
        case factors(FactorReduction)
        /// One product over the rank's images, then MPI's sum (`fast`).
        case local
    }

    init(
        _ model: Model, _ propagation: Propagation, communicator: Communicator, plan: LanePlan, mode: ReductionMode
    ) {
        let (lanes, batch) = (plan.lanes, plan.batch)
        self.plan = plan
        self.communicator = communicator
        self.model = model
        self.propagation = propagation
        gradient = Buffer(model.layout.count)
        self.lanes = LaneTree(lanes: lanes).lanes(ofRank: communicator.rank, of: communicator.worldSize)
        entries = model.plan.blocks.indices.map { block in
            guard let entry = model.layout.entry(.weight, ofBlock: block) else {
                preconditionFailure("block \(block) has no weight")
            }
            return entry
        }
        partial = Buffer(entries.map(\.count).max() ?? 0)
        routes = zip(model.plan.blocks, entries).map { block, entry in
            let (inputs, outputs) = (block.convolution.patchCount, block.convolution.filters)
            guard block.convolution.isFullyConnected else {
                return .tree(LaneReduction(communicator, lanes: lanes, count: entry.count, mode: mode))
            }
            if mode == .fast { return .local }
            if !FactorReduction.isCheaper(batch: batch, lanes: lanes, inputs: inputs, outputs: outputs) {
                return .tree(LaneReduction(communicator, lanes: lanes, count: entry.count, mode: mode))
            }
            return .factors(
                FactorReduction(communicator, lanes: lanes, batch: batch, inputs: inputs, outputs: outputs))
        }
        var sums: [Int: LaneReduction<Double>] = [:]
        for block in model.plan.blocks {
            let count = 2 * block.convolution.filters
            if sums[count] == nil { sums[count] = LaneReduction(communicator, lanes: lanes, count: count, mode: mode) }
        }
        channelSums = sums
    }

    /// Starts a pass over one batch of the epoch. The first pass of a step writes the gradient, the others add to it.
    func beginPass(_ pass: Int, isFirst: Bool) {
        adding = !isFirst
        self.pass = pass
    }

    /// Lets a second backward pass over the same batch add to the first one's gradient.
    func continuePass() { adding = true }

    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws {
        guard let reduction = channelSums[count] else { preconditionFailure("no block has \(count) channel sums") }
        try sum(partials, count: count, by: reduction, into: total)
    }

    /// Sums `count` values of each local lane over all lanes. Collective.
    func sum(
        _ partials: UnsafePointer<Double>, count: Int, by reduction: LaneReduction<Double>,
        into total: UnsafeMutablePointer<Double>
    ) throws {
        reduction.begin()
        for lane in lanes {
            reduction.partial(lane).baseAddress?.update(
                from: partials + (lane - lanes.lowerBound) * count, count: count)
            reduction.finishLane()
        }
        try timed { try reduction.reduce(into: total) }
    }

    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? {
        guard case .tree(let reduction) = routes[block] else { return nil }
        if lane == 0 { reduction.begin() }
        return reduction.partial(lanes.lowerBound + lane).baseAddress
    }

    func finishedLane(block: Int, lane: Int) {
        if case .tree(let reduction) = routes[block] { reduction.finishLane() }
    }

    func finishedBlock(_ block: Int, gradients: ChannelGradients) throws {
        let count = entries[block].count
        let target = gradient.pointer + entries[block].offset
        switch routes[block] {
        case .tree(let reduction):
            try timed { try reduction.reduce(into: adding ? partial.pointer : target) }
            if adding { add(target, partial.pointer, count: count) }
        case .factors(let factors):
            try timed {
                try factors.gather(propagation.blockInput(block), propagation.blockDelta(block)) {
                    plan.count(lane: $0, stepInEpoch: pass)
                }
            }
            propagation.timeline.measure(.weightGradient, block: block) { factors.formSlices(target, adding: adding) }
            try timed { try factors.gatherSlices(target) }
        case .local:
            let (inputs, outputs) = (count / propagation.channels(ofBlock: block), propagation.channels(ofBlock: block))
            propagation.timeline.measure(.weightGradient, block: block) {
                gemm(
                    inputs, outputs, propagation.images,
                    Matrix(propagation.blockInput(block), stride: inputs, transposed: true),
                    Matrix(propagation.blockDelta(block), stride: outputs), beta: 0, partial.pointer, stride: outputs)
            }
            try timed {
                try communicator.allReduce(UnsafeMutableBufferPointer(start: partial.pointer, count: count), .sum)
            }
            if !adding { target.update(repeating: 0, count: count) }
            add(target, partial.pointer, count: count)
        }
        for entry in model.layout.entries where entry.block == block {
            switch entry.kind {
            case .weight: break
            case .bias: put(gradients.bias, into: entry)
            case .gamma: put(gradients.gamma, into: entry)
            case .beta: put(gradients.beta, into: entry)
            }
        }
    }

    private func put(_ values: UnsafePointer<Float>, into entry: ParameterLayout.Entry) {
        let target = gradient.pointer + entry.offset
        if !adding { target.update(repeating: 0, count: entry.count) }
        add(target, values, count: entry.count)
    }

    private func timed(_ body: () throws -> Void) rethrows { try propagation.timeline.measure(.communicate, body) }
}
