import Kernels
import MessagePassing

/// The weight gradient of a large fully connected layer over the global batch, from its gathered factors: the inputs
/// [batch, inputs] and the deltas [batch, outputs] of all images in lane order.
///
/// The gradient's rows are cut into one fixed slice a lane; a lane's rank forms the slice in one product over the batch,
/// whose shape depends on the batch and the lanes alone, and the slices are gathered. Ranks of one host gather in memory that they
/// share.
final class FactorReduction {
    private let communicator: Communicator
    private let lanes: Int
    private let inputCount: Int
    private let outputCount: Int
    private let inputRows: RowGather<Float>
    private let deltaRows: RowGather<Float>
    /// Room for the factors of the whole batch; in shared memory lies the gradient, too.
    private let workspace: SharedWorkspace?
    private let buffer: Buffer<Float>
    private let inputs: UnsafeMutablePointer<Float>
    private let deltas: UnsafeMutablePointer<Float>
    /// Where the gradient has to go where ranks share memory: [inputs, outputs], of which each rank forms its slices. It may be read
    /// until the next `start`, and is written again only when all ranks have come to that.
    let sharedGradient: UnsafeMutablePointer<Float>?
    private let sliceCounts: [Int32]
    private let sliceStarts: [Int32]
    /// The factors of the whole batch: gathered, or the only rank's own.
    private var factors: (inputs: UnsafePointer<Float>, deltas: UnsafePointer<Float>)

    /// What is under way.
    private enum Stage { case done, factors, slices }
    private var stage = Stage.done
    private var inputGather = PendingCollective()
    private var deltaGather = PendingCollective()
    private var sliceGather = PendingCollective()
    /// Where the gradient goes, [inputs, outputs], and whether it is added to what stands there.
    private var target: (gradient: UnsafeMutablePointer<Float>, adding: Bool)?
    private let timeline: Timeline
    private let block: Int

    /// Whether a fully connected layer goes this way: what is summed and travels are the lanes' partial gradients or the
    /// factors. A rule of batch and lanes alone.
    static func isCheaper(batch: Int, lanes: Int, inputs: Int, outputs: Int) -> Bool {
        lanes * inputs * outputs > batch * (inputs + outputs)
    }

    /// Collective, where it is `sharing`: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - communicator: its own, since each rank begins its slices when it has the factors.
    ///   - sharing: whether the ranks gather in memory that they share.
    ///   - block: the layer's, for the timeline.
    init(
        _ communicator: Communicator, deal: LaneDeal, batch: Int, inputs: Int, outputs: Int, sharing: Bool,
        timeline: Timeline, block: Int
    ) throws {
        self.communicator = communicator
        self.timeline = timeline
        self.block = block
        lanes = deal.lanes
        inputCount = inputs
        outputCount = outputs
        inputRows = RowGather(communicator, deal: deal, columns: inputs)
        deltaRows = RowGather(communicator, deal: deal, columns: outputs)
        let gathers = communicator.worldSize > 1
        let factorCount = batch * (inputs + outputs)
        workspace =
            gathers && sharing ? try SharedWorkspace(communicator, count: 4 * (factorCount + inputs * outputs)) : nil
        buffer = Buffer(gathers && workspace == nil ? factorCount : 0)
        let shared = workspace?.base.assumingMemoryBound(to: Float.self)
        self.inputs = shared ?? buffer.pointer
        deltas = self.inputs + batch * inputs
        sharedGradient = shared.map { $0 + factorCount }
        factors = (UnsafePointer(self.inputs), UnsafePointer(deltas))
        let bounds = (0..<deal.ranks).map { rank in
            deal[rank].lowerBound * inputs / deal.lanes..<deal[rank].upperBound * inputs / deal.lanes
        }
        sliceStarts = bounds.map { Int32($0.lowerBound * outputs) }
        sliceCounts = bounds.map { Int32($0.count * outputs) }
    }

    /// Begins to form the gradient, or its sum with what stands there, from the local images' factors; `rows(lane)` are the images of
    /// each lane of the batch. Neither factors nor gradient may be touched before `advance` or `finish` says that it is done.
    ///
    /// Collective: every rank of the communicator calls this.
    func start(
        _ localInputs: UnsafePointer<Float>, _ localDeltas: UnsafePointer<Float>,
        into gradient: UnsafeMutablePointer<Float>, adding: Bool, rows: (Int) -> Int
    ) throws {
        precondition(stage == .done, "a gradient is under way")
        inputRows.setRows(rows)
        deltaRows.setRows(rows)
        target = (gradient, adding)
        guard communicator.worldSize > 1 else {
            factors = (localInputs, localDeltas)
            return formSlices()
        }
        try timeline.measure(.communicate) {
            if let workspace {
                inputRows.place(localInputs, into: inputs)
                deltaRows.place(localDeltas, into: deltas)
                return workspace.arrive()
            }
            inputGather = try inputRows.start(localInputs, into: inputs)
            deltaGather = try deltaRows.start(localDeltas, into: deltas)
        }
        stage = .factors
    }

    /// Goes on as far as it can without waiting; returns whether the gradient is there. Local.
    func advance() throws -> Bool {
        guard stage != .done, try timeline.measure(.communicate, hasArrived) else { return stage == .done }
        try goOn()
        return stage == .done
    }

    private func hasArrived() throws -> Bool {
        if let workspace { return workspace.areAllHere }
        if stage == .slices { return try sliceGather.test() }
        let (hasInputs, hasDeltas) = (try inputGather.test(), try deltaGather.test())
        return hasInputs && hasDeltas
    }

    /// Waits for the factors and forms this rank's slices; where several gradients are under way, each of them first does this and
    /// then `finish`. Collective.
    func finishExchange() throws {
        guard stage == .factors else { return }
        try timeline.measure(.communicate, waitForOthers)
        try goOn()
    }

    /// Waits for the gradient; in the same order at all ranks, where other sums are under way too. Collective.
    func finish() throws {
        while stage != .done {
            try timeline.measure(.communicate, waitForOthers)
            try goOn()
        }
    }

    private func waitForOthers() throws {
        if let workspace { return try workspace.wait() }
        if stage == .slices { return try sliceGather.wait() }
        try inputGather.wait()
        try deltaGather.wait()
    }

    private func goOn() throws {
        guard stage == .factors, let target else { return stage = .done }
        formSlices()
        try timeline.measure(.communicate) {
            if let workspace { return workspace.arrive() }
            sliceGather = try communicator.startAllGather(
                inPlace: target.gradient, counts: sliceCounts, displacements: sliceStarts)
        }
        stage = .slices
    }

    /// Adds this rank's slices to the gradient, or writes them there.
    private func formSlices() {
        guard let target else { return }
        timeline.measure(.weightGradient, block: block) {
            for lane in inputRows.lanes {
                let slice = lane * inputCount / lanes..<(lane + 1) * inputCount / lanes
                factorProduct(
                    target.gradient + slice.lowerBound * outputCount, inputs: factors.inputs + slice.lowerBound,
                    stride: inputCount, factors.deltas, rows: slice.count, columns: outputCount,
                    images: inputRows.rows, adding: target.adding)
            }
        }
    }
}
