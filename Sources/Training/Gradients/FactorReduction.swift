import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks

/// The weight gradient of a large fully connected layer over the global batch, from its gathered factors: the inputs
/// [batch, inputs] and the deltas [batch, outputs] of all images in lane order.
///
/// The gradient's rows are cut into one fixed slice a lane, each formed in one product over the batch, whose shape
/// depends on the batch and the lanes alone. The ranks of a host gather the factors in memory that they share, and form
/// the slices of their lanes, which are gathered; where the batch is small, those of a host form all slices instead of
/// waiting for the others'.
final class FactorReduction: WeightGradient, HostSpeaker {
    let sumsLanes = false
    private let lanes: Int
    private let inputCount: Int
    private let outputCount: Int
    private let inputRows: RowGather<Float>
    private let deltaRows: RowGather<Float>
    /// Memory for the factors of the whole batch and the gradient; nil on one rank.
    private let exchange: HostExchange?
    private let inputs: UnsafeMutablePointer<Float>?
    private let deltas: UnsafeMutablePointer<Float>?
    /// But on one rank, the place of the gradient, [inputs, outputs]. It may be read until the next `start`, and is
    /// written again only when all ranks of the host have come to that.
    let place: UnsafeMutablePointer<Float>?
    /// True where each host forms all slices.
    private let repeats: Bool
    /// The lanes whose slices this rank forms.
    private let ownSlices: Range<Int>
    /// The slices of each host's lanes.
    private let sliceLayout: BlockLayout
    /// The factors of the whole batch: gathered, or the only rank's own.
    private var factors: (inputs: UnsafePointer<Float>, deltas: UnsafePointer<Float>)?

    private(set) var stagesLeft = 0
    /// Where the gradient goes, [inputs, outputs], and whether it is added to what stands there.
    private var target: (gradient: UnsafeMutablePointer<Float>, adding: Bool)?
    private let propagation: Propagation
    private let block: Int

    /// True where a fully connected layer goes this way: the factors of the batch are fewer numbers than the lanes'
    /// partial gradients, of which hosts send a few however many lanes there are. A rule of batch and lanes alone.
    static func isCheaper(batch: Int, lanes: Int, inputs: Int, outputs: Int) -> Bool {
        // Not integers: a network that is about to be refused may be beyond counting.
        Double(min(lanes, 8)) * Double(inputs) * Double(outputs) > Double(batch) * (Double(inputs) + Double(outputs))
    }

    /// The memory that this takes on a rank of a host. On one rank nothing: the factors lie where the propagation has
    /// them.
    static func memory(batch: Int, inputs: Int, outputs: Int, ranks: Int) -> MemorySize {
        let (inputs, outputs) = (Double(inputs), Double(outputs))
        return MemorySize(shared: ranks == 1 ? 0 : 4 * (Double(batch) * (inputs + outputs) + inputs * outputs))
    }

    /// True where each host forms the whole gradient: where forming an element, 2 operations for each image of the
    /// batch at 100 GFLOP/s, takes less time than bringing its 4 bytes from another host at 10 Gbit/s. A rule of batch
    /// and hosts alone; bits are the same.
    static func repeatsSlices(batch: Int, hosts: Int) -> Bool { hosts > 1 && batch <= 160 }

    /// Collective: every rank of the groups calls this.
    ///
    /// - Parameters:
    ///   - groups: their first ranks speak by these about nothing else, since each begins a gather when it has the
    ///     factors.
    ///   - block: the layer's, for the timeline.
    init(
        _ groups: HostGroups, _ assignment: LaneAssignment, batch: Int, inputs: Int, outputs: Int,
        _ propagation: Propagation,
        block: Int
    ) throws {
        let factorCount = batch * (inputs + outputs)
        let isAlone = groups.world.worldSize == 1
        exchange = isAlone ? nil : try HostExchange(groups) { _ in 4 * (factorCount + inputs * outputs) }
        let groups = exchange?.groups ?? groups
        self.propagation = propagation
        self.block = block
        lanes = assignment.lanes
        inputCount = inputs
        outputCount = outputs
        inputRows = RowGather(groups, assignment, columns: inputs)
        deltaRows = RowGather(groups, assignment, columns: outputs)
        let shared = exchange?.base.assumingMemoryBound(to: Float.self)
        self.inputs = shared
        deltas = shared.map { $0 + batch * inputs }
        place = shared.map { $0 + factorCount }
        repeats = Self.repeatsSlices(batch: batch, hosts: groups.count)
        let (local, ranks) = (groups.world.rank - groups.ownRanks.lowerBound, groups.ownRanks.count)
        ownSlices =
            repeats
            ? local * assignment.lanes / ranks..<(local + 1) * assignment.lanes / ranks : assignment[groups.world.rank]
        sliceLayout = BlockLayout(
            counts: (0..<groups.count).map { host in
                let lanes = assignment.lanes(of: groups.ranks(ofHost: host))
                let (start, end) = (lanes.lowerBound * inputs, lanes.upperBound * inputs)
                return (end / assignment.lanes - start / assignment.lanes) * outputs
            })
    }

    func partial(_ lane: Int) -> UnsafeMutablePointer<Float>? { nil }
    func finishLane() {}

    /// Begins with the local images' factors. Neither these nor the gradient may be touched before nothing is left of
    /// it.
    func start(into gradient: UnsafeMutablePointer<Float>, adding: Bool, images: (_ lane: Int) -> Int) throws {
        precondition(stagesLeft == 0, "a gradient is under way")
        inputRows.setRows(images)
        deltaRows.setRows(images)
        target = (gradient, adding)
        let localInputs = UnsafePointer(propagation.blockInput(block))
        let localDeltas = UnsafePointer(propagation.blockDelta(block))
        guard let exchange, let inputs, let deltas else {
            factors = (localInputs, localDeltas)
            return formSlices()
        }
        factors = (UnsafePointer(inputs), UnsafePointer(deltas))
        try propagation.timeline.measure(.communicate) {
            inputRows.place(localInputs, into: inputs)
            deltaRows.place(localDeltas, into: deltas)
            exchange.begin(0, by: self)
            // A rank that is alone on its host speaks at once.
            if exchange.groups.ownRanks.count == 1 { _ = try exchange.isReady() }
        }
        stagesLeft = 2
    }

    func speak(stage: Int, on link: Communicator) throws -> PendingCollective {
        guard let inputs, let deltas, let place else { return PendingCollective() }
        if stage == 0 {
            return PendingCollective(try inputRows.start(inputs, on: link), try deltaRows.start(deltas, on: link))
        }
        return try link.startAllGather(inPlace: place, sliceLayout)
    }

    func isReady() throws -> Bool { try exchange?.isReady() ?? true }

    func waitUntilReady(meanwhile others: () throws -> Void) throws { try exchange?.wait(meanwhile: others) }

    /// Forms this rank's slices; then the gradient is there.
    func completeStage() throws {
        guard stagesLeft > 0 else { return }
        stagesLeft -= 1
        guard stagesLeft == 1, let exchange else { return }
        formSlices()
        try propagation.timeline.measure(.communicate) {
            exchange.begin(1, by: repeats ? nil : self)
            if exchange.groups.ownRanks.count == 1 { _ = try exchange.isReady() }
        }
    }

    /// Adds this rank's slices to the gradient, or writes them there.
    private func formSlices() {
        guard let target, let factors else { return }
        propagation.timeline.measure(.weightGradient, block: block) {
            for lane in ownSlices {
                let slice = lane * inputCount / lanes..<(lane + 1) * inputCount / lanes
                factorProduct(
                    target.gradient + slice.lowerBound * outputCount, inputs: factors.inputs + slice.lowerBound,
                    stride: inputCount, factors.deltas, rows: slice.count, columns: outputCount,
                    images: inputRows.rows, adding: target.adding)
            }
        }
    }
}
