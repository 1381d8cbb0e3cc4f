import Kernels
import Lanes
import MessagePassing
import Networks

/// The weight gradient of a large fully connected layer over the global batch, from its gathered factors: the inputs
/// [batch, inputs] and the deltas [batch, outputs] of all images in lane order.
///
/// The gradient's rows are cut into one fixed slice a lane; a lane's rank forms the slice in one product over the batch,
/// whose shape depends on the batch and the lanes alone, and the slices are gathered. Ranks of one host gather in memory that they
/// share; on several hosts, where the batch is small, each rank forms all slices instead of waiting for those of the others.
final class FactorReduction: StagedCollective {
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
    /// Whether this rank forms all slices.
    private let repeats: Bool
    private let sliceCounts: [Int32]
    private let sliceStarts: [Int32]
    /// The factors of the whole batch: gathered, or the only rank's own.
    private var factors: (inputs: UnsafePointer<Float>, deltas: UnsafePointer<Float>)

    private(set) var stagesLeft = 0
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

    /// Whether each rank forms the whole gradient: where forming an element, 2 operations for each image of the batch at 100 GFLOP/s,
    /// takes less time than bringing its 4 bytes from another host at 10 Gbit/s. A rule of batch and hosts alone; bits are the same.
    static func repeatsSlices(batch: Int, hosts: Int) -> Bool { hosts > 1 && batch <= 160 }

    /// Collective, where it is `sharing`: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - communicator: its own, since each rank begins its slices when it has the factors.
    ///   - hosts: the number of hosts that the ranks are on.
    ///   - sharing: whether the ranks gather in memory that they share.
    ///   - block: the layer's, for the timeline.
    init(
        _ communicator: Communicator, deal: LaneDeal, batch: Int, inputs: Int, outputs: Int, sharing: Bool,
        hosts: Int, timeline: Timeline, block: Int
    ) throws {
        self.communicator = communicator
        repeats = !sharing && Self.repeatsSlices(batch: batch, hosts: hosts)
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
    /// each lane of the batch. Neither factors nor gradient may be touched before nothing is left of it.
    ///
    /// Collective: every rank of the communicator calls this.
    func start(
        _ localInputs: UnsafePointer<Float>, _ localDeltas: UnsafePointer<Float>,
        into gradient: UnsafeMutablePointer<Float>, adding: Bool, rows: (Int) -> Int
    ) throws {
        precondition(stagesLeft == 0, "a gradient is under way")
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
        stagesLeft = repeats ? 1 : 2
    }

    func isReady() throws -> Bool {
        if let workspace { return workspace.areAllHere }
        if !awaitsFactors { return try sliceGather.test() }
        let (hasInputs, hasDeltas) = (try inputGather.test(), try deltaGather.test())
        return hasInputs && hasDeltas
    }

    func waitUntilReady() throws {
        if let workspace { return try workspace.wait() }
        if !awaitsFactors { return try sliceGather.wait() }
        try inputGather.wait()
        try deltaGather.wait()
    }

    private var awaitsFactors: Bool { stagesLeft == (repeats ? 1 : 2) }

    /// Forms this rank's slices; then the gradient is there.
    func goOn() throws {
        guard stagesLeft > 0, let target else { return }
        if awaitsFactors { formSlices() }
        stagesLeft -= 1
        guard stagesLeft == 1 else { return }
        try timeline.measure(.communicate) {
            if let workspace { return workspace.arrive() }
            sliceGather = try communicator.startAllGather(
                inPlace: target.gradient, counts: sliceCounts, displacements: sliceStarts)
        }
    }

    /// Adds this rank's slices, or all, to the gradient, or writes them there.
    private func formSlices() {
        guard let target else { return }
        timeline.measure(.weightGradient, block: block) {
            for lane in repeats ? 0..<lanes : inputRows.lanes {
                let slice = lane * inputCount / lanes..<(lane + 1) * inputCount / lanes
                factorProduct(
                    target.gradient + slice.lowerBound * outputCount, inputs: factors.inputs + slice.lowerBound,
                    stride: inputCount, factors.deltas, rows: slice.count, columns: outputCount,
                    images: inputRows.rows, adding: target.adding)
            }
        }
    }
}
