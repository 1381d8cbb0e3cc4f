/// How sums over lanes are combined across ranks.
public enum ReductionMode: String, Sendable, CaseIterable {
    /// In the lane tree: bit-identical for every number of ranks.
    case exact
    /// One lane after another, then by MPI in the order it likes: the last bits depend on the number of ranks.
    case fast
}

/// The sum over all lanes of partial results of `count` elements, at every rank.
///
/// A step: `begin()`; for each of this rank's lanes in ascending order `partial(lane)`, write all of it, and
/// `finishLane()`; `reduce(into:)`, or `start(into:)` and `advance()` until it says that the sum is there. With `exact` every rank
/// holds the same bits, for every number of ranks from 1 to L. Memory is taken at the start and none after.
///
/// Short results travel whole: every rank receives the nodes of all ranks and folds the tree. Long ones are cut in
/// slices: rank s receives slice s of all nodes, folds it, and the folded slices are gathered. The bits are the same,
/// since the additions of an element are.
///
/// Ranks of one host need no messages: `sharing` puts the nodes of all into memory that all see, where each rank folds one slice.
public final class LaneReduction<Element: LaneElement> {
    /// This rank's lanes.
    public let lanes: Range<Int>
    /// The number of elements.
    public let count: Int

    /// Results of at most so many bytes travel whole.
    public static var wholeLimit: Int { 32 * 1024 }

    private enum Route { case alone, shared, whole, slices, fast }

    private let communicator: Communicator
    private let accumulator: LaneAccumulator<Element>
    private let route: Route
    /// The nodes of all ranks, or this rank's slices of them.
    private let received: LaneSlots<Element>
    /// The additions among them.
    private let folds: [LaneFold]
    /// Room to lay slices of several nodes one after another; empty where there is one node.
    private let packed: UnsafeMutableBufferPointer<Element>
    /// What this rank sends to each, and each sends to this one.
    private var sent = BlockLayout(counts: [])
    private var arriving = BlockLayout(counts: [])
    /// The slices of a result.
    private var slices = BlockLayout(counts: [])
    private var lane: Int

    /// What is under way after `start`.
    private enum Stage { case done, exchange, gather }
    private var stage = Stage.done
    private var pending = PendingCollective()
    private var target: UnsafeMutablePointer<Element>?
    /// The nodes of all ranks, then their sum; nil where they travel.
    private let memory: SharedMemory?
    /// The sum in shared memory, of which each rank folds its slice.
    private let sharedSum: UnsafeMutablePointer<Element>?

    /// Prepares sums over lanes that are dealt equally, 1 to `lanes` ranks. See the other initialiser.
    public convenience init(
        _ communicator: Communicator, lanes: Int, count: Int, mode: ReductionMode = .exact, sharing: Bool = false,
        wholeLimit: Int = LaneReduction.wholeLimit
    ) throws {
        try self.init(
            communicator, deal: LaneDeal(lanes: lanes, ranks: communicator.worldSize), count: count, mode: mode,
            sharing: sharing, wholeLimit: wholeLimit)
    }

    /// Prepares sums over lanes. All ranks give the same values.
    ///
    /// Collective, where it is `sharing`: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - communicator: the ranks that hold the lanes.
    ///   - deal: who holds which lanes, for all ranks of the communicator.
    ///   - count: the number of elements of a partial result.
    ///   - mode: whether the bits are to be the same for every number of ranks.
    ///   - sharing: whether exact sums are formed in memory that the ranks share; they can (`Communicator.canShareMemory`). Where
    ///     there is no room for it they travel. It does not change the result.
    ///   - wholeLimit: results of at most so many bytes travel whole. It does not change the result.
    /// - Throws: `Failure` 74 when MPI fails.
    public init(
        _ communicator: Communicator, deal: LaneDeal, count: Int, mode: ReductionMode = .exact, sharing: Bool = false,
        wholeLimit: Int = LaneReduction.wholeLimit
    ) throws {
        let tree = LaneTree(lanes: deal.lanes)
        let ranks = communicator.worldSize
        precondition(deal.ranks == ranks, "a deal to \(deal.ranks) of \(ranks) ranks")
        let covers = (0..<ranks).map { tree.cover(deal[$0]) }
        let nodes = covers.map(\.count)
        let own = nodes[communicator.rank]
        let allNodes = nodes.reduce(0, +)
        self.communicator = communicator
        self.count = count
        self.lanes = deal[communicator.rank]
        lane = self.lanes.lowerBound
        // In shared memory: the slots of rank 0, those of rank 1, ..., and the sum.
        let accumulatorStride = LaneAccumulator<Element>.stride(count: count)
        let slotsOfEach = (0..<ranks).map { LaneAccumulator<Element>.slotCount(tree: tree, lanes: deal[$0]) }.max() ?? 0
        let shares = sharing && mode == .exact && ranks > 1
        memory =
            shares
            ? try communicator.shareMemory(
                (ranks * slotsOfEach + 1) * accumulatorStride * MemoryLayout<Element>.stride) : nil
        let shared = memory?.mutableBytes.baseAddress?.assumingMemoryBound(to: Element.self)
        sharedSum = shared.map { $0 + ranks * slotsOfEach * accumulatorStride }
        accumulator =
            mode == .exact
            ? LaneAccumulator(
                tree: tree, lanes: self.lanes, count: count,
                memory: shared.map { $0 + communicator.rank * slotsOfEach * accumulatorStride })
            : LaneAccumulator(inOrder: self.lanes, count: count)
        slices = BlockLayout(counts: (0..<ranks).map { ($0 + 1) * count / ranks - $0 * count / ranks })

        var room = 0
        var packedRoom = 0
        var (stride, length) = (accumulator.slots.stride, count)
        if mode == .fast || ranks == 1 {
            route = mode == .fast ? .fast : .alone
            folds = []
        } else if shared != nil {
            route = .shared
            let places = nodes.enumerated().flatMap { rank, nodes in (0..<nodes).map { rank * slotsOfEach + $0 } }
            folds = tree.folds(of: covers.flatMap { $0 }).map {
                LaneFold(left: places[$0.left], right: places[$0.right])
            }
            length = Int(slices.counts[communicator.rank])
        } else if count * MemoryLayout<Element>.stride <= wholeLimit {
            route = .whole
            folds = tree.folds(of: covers.flatMap { $0 })
            arriving = BlockLayout(counts: nodes.map { $0 * stride })
            room = allNodes * stride
        } else {
            route = .slices
            folds = tree.folds(of: covers.flatMap { $0 })
            length = Int(slices.counts[communicator.rank])
            stride = length
            sent = BlockLayout(counts: slices.counts.map { own * Int($0) })
            arriving = BlockLayout(counts: nodes.map { $0 * length })
            room = allNodes * length
            packedRoom = own > 1 ? own * count : 0
        }
        if let shared {
            received = LaneSlots(
                base: shared + Int(slices.displacements[communicator.rank]), stride: stride, count: length)
        } else {
            let base = UnsafeMutablePointer<Element>.allocate(capacity: max(room, 1))
            base.initialize(repeating: 0, count: max(room, 1))
            received = LaneSlots(base: base, stride: stride, count: length)
        }
        packed = .allocate(capacity: packedRoom)
        packed.initialize(repeating: 0)
    }

    deinit {
        if memory == nil { received.base.deallocate() }
        packed.deallocate()
    }

    /// Starts a new sum. Local.
    public func begin() {
        accumulator.begin()
        lane = lanes.lowerBound
    }

    /// The buffer for the partial result of the next lane, all of which is to be written. Local.
    public func partial(_ lane: Int) -> UnsafeMutableBufferPointer<Element> {
        precondition(lane == self.lane, "lane \(lane) comes where lane \(self.lane) of \(lanes) is due")
        return accumulator.next()
    }

    /// Takes the partial result that was written. Local.
    public func finishLane() {
        accumulator.commit()
        lane += 1
    }

    /// Leaves the sum over all lanes in `result`, `count` elements, at every rank.
    ///
    /// Collective: every rank of the communicator calls this, after its last lane.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func reduce(into result: UnsafeMutablePointer<Element>) throws {
        switch route {
        case .alone:
            accumulator.complete(into: result)
        case .fast:
            accumulator.complete(into: result)
            try communicator.allReduce(UnsafeMutableBufferPointer(start: result, count: count), .sum)
        case .shared:
            accumulator.complete()
            try communicator.meet()
            foldSharedSlice()
            try communicator.meet()
            copySharedSum(to: result)
        case .whole:
            accumulator.complete()
            try communicator.allGather(
                ownNodes, into: received.base, counts: arriving.counts, displacements: arriving.displacements)
            received.fold(folds, into: result)
        case .slices:
            accumulator.complete()
            try communicator.allToAll(
                packSlices(), counts: sent.counts, displacements: sent.displacements, into: received.base,
                counts: arriving.counts, displacements: arriving.displacements)
            received.fold(folds, into: result + Int(slices.displacements[communicator.rank]))
            try communicator.allGather(
                inPlace: result, counts: slices.counts, displacements: slices.displacements)
        }
    }

    /// Begins what `reduce` does and returns. Neither `result` nor the next sum may be touched before `advance` or `finish` says
    /// that it is done.
    ///
    /// Collective: every rank of the communicator calls this, after its last lane, and nothing else on this communicator until
    /// the sum is there.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func start(into result: UnsafeMutablePointer<Element>) throws {
        precondition(stage == .done, "a sum is under way")
        target = result
        switch route {
        case .alone:
            accumulator.complete(into: result)
        case .fast:
            accumulator.complete(into: result)
            pending = try communicator.startAllReduce(UnsafeMutableBufferPointer(start: result, count: count), .sum)
            stage = .gather
        case .shared:
            accumulator.complete()
            pending = try communicator.startMeeting()
            stage = .exchange
        case .whole:
            accumulator.complete()
            pending = try communicator.startAllGather(
                ownNodes, into: received.base, counts: arriving.counts, displacements: arriving.displacements)
            stage = .exchange
        case .slices:
            accumulator.complete()
            pending = try communicator.startAllToAll(
                packSlices(), counts: sent.counts, displacements: sent.displacements, into: received.base,
                counts: arriving.counts, displacements: arriving.displacements)
            stage = .exchange
        }
    }

    /// Goes on with the sum that was started as far as it can without waiting; returns whether it is there. Local.
    public func advance() throws -> Bool {
        if stage != .done, try pending.test() { try goOn() }
        return stage == .done
    }

    /// Waits for the sum that was started. Of several all ranks wait in the same order: each needs the others to go on with it.
    ///
    /// Collective, unless the sum is there.
    public func finish() throws {
        while stage != .done {
            try pending.wait()
            try goOn()
        }
    }

    private func goOn() throws {
        guard let target else { return stage = .done }
        if stage == .gather {
            if route == .shared { copySharedSum(to: target) }
            return stage = .done
        }
        if route == .shared {
            foldSharedSlice()
            pending = try communicator.startMeeting()
            return stage = .gather
        }
        guard route == .slices else {
            received.fold(folds, into: target)
            return stage = .done
        }
        received.fold(folds, into: target + Int(slices.displacements[communicator.rank]))
        pending = try communicator.startAllGather(
            inPlace: target, counts: slices.counts, displacements: slices.displacements)
        stage = .gather
    }

    /// Folds this rank's slice, once all ranks have written their nodes; who writes them anew has met all ranks after that.
    private func foldSharedSlice() {
        guard let sharedSum else { return }
        received.fold(folds, into: sharedSum + Int(slices.displacements[communicator.rank]))
    }

    /// Takes the sum, once all ranks have folded their slices; who folds the next one has met all ranks after that.
    private func copySharedSum(to result: UnsafeMutablePointer<Element>) {
        guard let sharedSum else { return }
        result.update(from: sharedSum, count: count)
    }

    private var ownNodes: UnsafeBufferPointer<Element> {
        UnsafeBufferPointer(
            start: accumulator.slots.base, count: accumulator.cover.count * accumulator.slots.stride)
    }

    /// This rank's nodes, slice after slice: for each rank its slice of every node. One node lies that way already.
    private func packSlices() -> UnsafePointer<Element> {
        guard var target = packed.baseAddress, !packed.isEmpty else { return UnsafePointer(accumulator.slots.base) }
        let start = target
        for rank in slices.counts.indices {
            let length = Int(slices.counts[rank])
            for node in accumulator.cover.indices {
                target.update(from: accumulator.slots.slot(node) + Int(slices.displacements[rank]), count: length)
                target += length
            }
        }
        return UnsafePointer(start)
    }
}
