import MessagePassing

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
/// `finishLane()`; `reduce(into:)`, or `start(into:)` and `advance()` until nothing is left. With `exact` every rank
/// holds the same bits, for every number of ranks from 1 to L. Memory is taken at the start and none after.
///
/// Short results go whole: every rank receives the nodes of all ranks and folds the tree. Long ones are cut in
/// slices: rank s receives slice s of all nodes, folds it, and the folded slices are gathered. The bits are the same,
/// since the additions of an element are.
///
/// Ranks of one host need no messages: `sharing` puts the nodes of all into memory that all see.
public final class LaneReduction<Element: LaneElement>: StagedCollective {
    /// This rank's lanes.
    public let lanes: Range<Int>
    /// The number of elements.
    public let count: Int

    /// Results of at most so many bytes go whole.
    public static var wholeLimit: Int { 32 * 1024 }

    private enum Route { case alone, fast, whole, slices }

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

    /// The stages that are left of the sum under way.
    public private(set) var stagesLeft = 0
    private var pending = PendingCollective()
    /// Where the sum goes, and whether it is added to what stands there.
    private var target: (result: UnsafeMutablePointer<Element>, adding: Bool)?
    /// Where ranks of one host bring their nodes instead of sending them, each to a place of its own, in order. Those that go whole
    /// have two such places by turns: who begins the next sum cannot know whether all have read the last one's. Behind slices lies
    /// their sum.
    private let workspace: SharedWorkspace?
    /// The numbers of all ranks' places, of one turn.
    private let placesCount: Int
    private var turn = 0

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
        slices = BlockLayout(counts: (0..<ranks).map { ($0 + 1) * count / ranks - $0 * count / ranks })
        let slice = Int(slices.counts[communicator.rank])
        if mode == .fast {
            route = .fast
        } else if ranks == 1 {
            route = .alone
        } else {
            route = count * MemoryLayout<Element>.stride <= wholeLimit ? .whole : .slices
        }
        let slotStride = LaneAccumulator<Element>.stride(count: count)
        // Slices of the nodes stay where they were summed, in as many slots for each rank as the one with the most needs.
        let slotsOfEach = (0..<ranks).map { LaneAccumulator<Element>.slotCount(tree: tree, lanes: deal[$0]) }.max() ?? 0
        placesCount = (route == .whole ? allNodes : ranks * slotsOfEach) * slotStride
        let sharedCount = route == .whole ? 2 * placesCount : placesCount + slotStride
        let travels = route == .whole || route == .slices
        workspace =
            sharing && travels
            ? try SharedWorkspace(communicator, count: sharedCount * MemoryLayout<Element>.stride) : nil
        let slots = route == .slices ? workspace?.base.assumingMemoryBound(to: Element.self) : nil
        accumulator =
            mode == .exact
            ? LaneAccumulator(
                tree: tree, lanes: self.lanes, count: count,
                memory: slots.map { $0 + communicator.rank * slotsOfEach * slotStride })
            : LaneAccumulator(inOrder: self.lanes, count: count)

        var folds = travels ? tree.folds(of: covers.flatMap { $0 }) : []
        if let slots {
            let places = nodes.enumerated().flatMap { rank, nodes in (0..<nodes).map { rank * slotsOfEach + $0 } }
            folds = folds.map { LaneFold(left: places[$0.left], right: places[$0.right]) }
            received = LaneSlots(
                base: slots + Int(slices.displacements[communicator.rank]), stride: slotStride, count: slice)
        } else {
            let (stride, length) = route == .slices ? (slice, slice) : (slotStride, count)
            let room = travels ? max(allNodes * stride, 1) : 0
            let base = UnsafeMutablePointer<Element>.allocate(capacity: room)
            base.initialize(repeating: 0, count: room)
            received = LaneSlots(base: base, stride: stride, count: length)
            arriving = BlockLayout(counts: nodes.map { travels ? $0 * stride : 0 })
            if route == .slices { sent = BlockLayout(counts: slices.counts.map { own * Int($0) }) }
        }
        self.folds = folds
        packed = .allocate(capacity: route == .slices && slots == nil && own > 1 ? own * count : 0)
        packed.initialize(repeating: 0)
    }

    deinit {
        if route != .slices || workspace == nil { received.base.deallocate() }
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

    /// Leaves the sum over all lanes in `result`, `count` elements, at every rank, or adds it to what stands there.
    ///
    /// Collective: every rank of the communicator calls this, after its last lane.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func reduce(into result: UnsafeMutablePointer<Element>, adding: Bool = false) throws {
        guard route == .whole || route == .slices, workspace == nil else {
            try start(into: result, adding: adding)
            return try finish()
        }
        // MPI chooses better algorithms for what it need not leave under way.
        accumulator.complete()
        guard route == .slices else {
            try communicator.allGather(
                ownNodes, into: received.base, counts: arriving.counts, displacements: arriving.displacements)
            return fold(into: result, adding: adding)
        }
        try communicator.allToAll(
            packSlices(), counts: sent.counts, displacements: sent.displacements, into: received.base,
            counts: arriving.counts, displacements: arriving.displacements)
        fold(into: result + ownSlice, adding: adding)
        try communicator.allGather(inPlace: result, counts: slices.counts, displacements: slices.displacements)
    }

    /// Begins what `reduce` does and returns. Neither `result` nor the next sum may be touched before nothing is left of it.
    ///
    /// Collective: every rank of the communicator calls this, after its last lane, and nothing else on this communicator until
    /// the sum is there.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func start(into result: UnsafeMutablePointer<Element>, adding: Bool = false) throws {
        precondition(stagesLeft == 0, "a sum is under way")
        target = (result, adding)
        // One rank's sum, or with `fast` its part, may go to its place at once.
        let isOneNode = route == .alone || route == .fast
        accumulator.complete(into: isOneNode && !adding ? result : nil)
        stagesLeft = route == .slices ? 2 : 1
        switch route {
        case .alone: try goOn()
        case .fast:
            let part = UnsafeMutableBufferPointer(start: adding ? accumulator.slots.base : result, count: count)
            pending = try communicator.startAllReduce(part, .sum)
        case .whole where workspace != nil: bringNodes()
        case .slices where workspace != nil: workspace?.arrive()
        case .whole:
            pending = try communicator.startAllGather(
                ownNodes, into: received.base, counts: arriving.counts, displacements: arriving.displacements)
        case .slices:
            pending = try communicator.startAllToAll(
                packSlices(), counts: sent.counts, displacements: sent.displacements, into: received.base,
                counts: arriving.counts, displacements: arriving.displacements)
        }
    }

    /// Whether the others' nodes, or then their slices of the sum, are there. Local.
    public func isReady() throws -> Bool { try workspace?.areAllHere ?? pending.test() }

    /// Waits until they are. Collective.
    public func waitUntilReady() throws {
        guard let workspace else { return try pending.wait() }
        try workspace.wait()
    }

    /// Folds the nodes, or takes the sum of all slices. Local.
    public func goOn() throws {
        guard stagesLeft > 0, let target else { return }
        stagesLeft -= 1
        switch (route, stagesLeft) {
        case (.whole, _):
            takeNodes()
            fold(into: target.result, adding: target.adding)
        case (.slices, 1):
            if let workspace, let sharedSum {
                fold(into: sharedSum + ownSlice, adding: false)
                workspace.arrive()
            } else {
                fold(into: target.result + ownSlice, adding: target.adding)
                pending = try communicator.startAllGather(
                    inPlace: target.result, counts: slices.counts, displacements: slices.displacements)
            }
        case (.slices, _):
            // Whose slice is folded next has waited for all ranks after this.
            guard let sharedSum else { break }
            if target.adding {
                Element.add(target.result, sharedSum, into: target.result, count: count)
            } else {
                target.result.update(from: sharedSum, count: count)
            }
        case (.alone, _), (.fast, _):
            guard target.adding else { break }
            Element.add(target.result, accumulator.slots.base, into: target.result, count: count)
        }
    }

    /// Folds the nodes received, or the slices of them, and leaves their sum in `place`, or adds it to what stands there.
    private func fold(into place: UnsafeMutablePointer<Element>, adding: Bool) {
        guard adding else { return received.fold(folds, into: place) }
        received.fold(folds)
        Element.add(place, received.base, into: place, count: received.count)
    }

    /// Where this rank's slice of a result begins.
    private var ownSlice: Int { Int(slices.displacements[communicator.rank]) }

    /// Where slices of the sum stand in shared memory.
    private var sharedSum: UnsafeMutablePointer<Element>? {
        guard route == .slices, let workspace else { return nil }
        return workspace.base.assumingMemoryBound(to: Element.self) + placesCount
    }

    /// This turn's places in shared memory.
    private var places: UnsafeMutablePointer<Element>? {
        workspace.map { $0.base.assumingMemoryBound(to: Element.self) + turn * placesCount }
    }

    /// Brings this rank's nodes to its place.
    private func bringNodes() {
        guard let workspace, let places, let own = ownNodes.baseAddress else { return }
        (places + Int(arriving.displacements[communicator.rank])).update(from: own, count: ownNodes.count)
        workspace.arrive()
    }

    /// Takes the nodes of all ranks from theirs; they fold them each for itself.
    private func takeNodes() {
        guard let places else { return }
        received.base.update(from: places, count: placesCount)
        turn = 1 - turn
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
