import MessagePassing

/// The way in which the nodes of the lane tree that each rank has formed become the sum over all lanes, at every rank.
protocol NodeSum<Element>: StagedCollective {
    associatedtype Element: LaneElement

    /// The place in which this rank's nodes are to be formed; nil where any will do.
    var nodePlace: UnsafeMutablePointer<Element>? { get }
    /// True where a rank has one node, whose value is to stand in `result` already where nothing is added to.
    var takesResult: Bool { get }

    /// Begins to sum the nodes, which stand complete in the slots 0, 1, ... of `slots`, into `result`, or to add their
    /// sum to what stands there. Collective.
    func start(_ slots: LaneSlots<Element>, into result: UnsafeMutablePointer<Element>, adding: Bool) throws
}

/// Who forms which nodes: those of each rank, those that each host forms of them, and the additions.
struct NodePlan {
    let groups: HostGroups
    /// The nodes of each rank of this host, in order, and the number of those of all.
    let rankNodes: [[Range<Int>]]
    /// The nodes of each host.
    let hostNodes: [[Range<Int>]]
    let tree: LaneTree

    init(_ groups: HostGroups, _ assignment: LaneAssignment) {
        let tree = LaneTree(lanes: assignment.lanes)
        self.tree = tree
        self.groups = groups
        rankNodes = groups.ownRanks.map { tree.cover(assignment[$0]) }
        hostNodes = (0..<groups.count).map { tree.cover(assignment.lanes(of: groups.ranks(ofHost: $0))) }
    }

    /// The nodes of this host's ranks.
    var localCount: Int { rankNodes.reduce(0) { $0 + $1.count } }
    /// The nodes of this rank.
    var ownCount: Int { rankNodes[groups.world.rank - groups.ownRanks.lowerBound].count }
    /// The nodes of this rank's host, and of all hosts.
    var ownHostCount: Int { hostNodes[groups.ownHost].count }
    var hostsCount: Int { hostNodes.reduce(0) { $0 + $1.count } }

    /// The additions that make this host's nodes of those of its ranks, the k-th node of rank r in slot `place(r, k)`,
    /// and the slots that hold the host's nodes then.
    func hostFolds(place: (_ rank: Int, _ node: Int) -> Int) -> (folds: [LaneFold], slots: [Int]) {
        let slots = rankNodes.enumerated().flatMap { rank, nodes in nodes.indices.map { place(rank, $0) } }
        return tree.folds(of: rankNodes.flatMap { $0 }, in: slots, to: hostNodes[groups.ownHost])
    }

    /// The additions that make the sum, in slot 0, of the nodes of all hosts, one slot after another.
    var lastFolds: [LaneFold] { tree.folds(of: hostNodes.flatMap { $0 }) }
}

/// The sum of one rank that has all lanes; with `reduction: fast`, that of all ranks in the order that MPI likes.
final class PlainSum<Element: LaneElement>: NodeSum {
    let nodePlace: UnsafeMutablePointer<Element>? = nil
    let takesResult = true
    private(set) var stagesLeft = 0
    private let world: Communicator
    private let count: Int
    private var pending = PendingCollective()
    private var slots: LaneSlots<Element>?
    private var target: (result: UnsafeMutablePointer<Element>, adding: Bool)?

    init(_ groups: HostGroups, count: Int) {
        world = groups.world
        self.count = count
    }

    func start(_ slots: LaneSlots<Element>, into result: UnsafeMutablePointer<Element>, adding: Bool) throws {
        self.slots = slots
        target = (result, adding)
        stagesLeft = 1
        guard world.worldSize > 1 else { return try completeStage() }
        let part = UnsafeMutableBufferPointer(start: adding ? slots.base : result, count: count)
        pending = try world.startAllReduce(part, .sum)
    }

    func isReady() throws -> Bool { try pending.test() }

    func waitUntilReady(meanwhile others: () throws -> Void) throws { try pending.wait() }

    func completeStage() throws {
        guard stagesLeft > 0, let slots, let target else { return }
        stagesLeft = 0
        if target.adding { Element.add(target.result, slots.base, into: target.result, count: count) }
    }
}

/// A short sum: each host's nodes go whole to all hosts, and every rank folds the tree. One stage.
final class WholeSum<Element: LaneElement>: NodeSum, HostSpeaker {
    let nodePlace: UnsafeMutablePointer<Element>? = nil
    let takesResult = false
    private(set) var stagesLeft = 0
    private let exchange: HostExchange
    private let count: Int
    private let stride: Int
    private let ownCount: Int
    /// This rank's place among those of its host, in slots.
    private let ownPlace: Int
    /// The slots of one turn's places.
    private let placeCount: Int
    /// With one host the places serve by turns: who begins the next sum cannot know whether all have read the last
    /// one's.
    private var turn = 0
    /// With several hosts: how this one's nodes are made of its ranks', and where they lie among those of all hosts.
    private let hostFolds: (folds: [LaneFold], slots: [Int])
    private let layout: BlockLayout
    private let isOneHost: Bool
    /// The nodes that are folded last.
    private let received: LaneSlots<Element>
    private let receivedCount: Int
    private let lastFolds: [LaneFold]
    private var target: (result: UnsafeMutablePointer<Element>, adding: Bool)?

    /// Collective: every rank of the groups calls this.
    init(_ groups: HostGroups, _ assignment: LaneAssignment, count: Int) throws {
        let stride = LaneAccumulator<Element>.stride(count: count)
        exchange = try HostExchange(groups) { groups in
            let plan = NodePlan(groups, assignment)
            let slots = groups.count == 1 ? 2 * plan.localCount : plan.localCount + plan.hostsCount
            return slots * stride * MemoryLayout<Element>.stride
        }
        let groups = exchange.groups
        let plan = NodePlan(groups, assignment)
        self.count = count
        self.stride = stride
        isOneHost = groups.count == 1
        ownCount = plan.ownCount
        placeCount = plan.localCount
        let starts = plan.rankNodes.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        ownPlace = starts[groups.world.rank - groups.ownRanks.lowerBound]
        hostFolds = plan.hostFolds { starts[$0] + $1 }
        layout = BlockLayout(counts: plan.hostNodes.map { $0.count * stride })
        lastFolds = isOneHost ? plan.tree.folds(of: plan.rankNodes.flatMap { $0 }) : plan.lastFolds
        receivedCount = isOneHost ? plan.localCount : plan.hostsCount
        let room = receivedCount * stride
        received = LaneSlots(base: .allocate(capacity: room), stride: stride, count: count)
        received.base.initialize(repeating: 0, count: room)
    }

    deinit { received.base.deallocate() }

    private var places: UnsafeMutablePointer<Element> {
        exchange.base.assumingMemoryBound(to: Element.self) + turn * placeCount * stride
    }

    /// The nodes of all hosts.
    private var arrived: UnsafeMutablePointer<Element> { places + placeCount * stride }

    func start(_ slots: LaneSlots<Element>, into result: UnsafeMutablePointer<Element>, adding: Bool) throws {
        target = (result, adding)
        (places + ownPlace * stride).update(from: slots.base, count: ownCount * stride)
        exchange.begin(0, by: self)
        stagesLeft = 1
    }

    func speak(stage: Int, on link: Communicator) throws -> PendingCollective {
        let nodes = LaneSlots(base: places, stride: stride, count: count)
        nodes.fold(hostFolds.folds)
        let own = arrived + Int(layout.displacements[exchange.groups.ownHost])
        for (index, slot) in hostFolds.slots.enumerated() {
            (own + index * stride).update(from: nodes.slot(slot), count: stride)
        }
        return try link.startAllGather(inPlace: arrived, layout)
    }

    func isReady() throws -> Bool { try exchange.isReady() }

    func waitUntilReady(meanwhile others: () throws -> Void) throws { try exchange.wait(meanwhile: others) }

    func completeStage() throws {
        guard stagesLeft > 0, let target else { return }
        stagesLeft = 0
        received.base.update(from: isOneHost ? places : arrived, count: receivedCount * stride)
        let own = places + ownPlace * stride
        if isOneHost { turn = 1 - turn }
        if target.adding {
            received.fold(lastFolds)
            Element.add(target.result, received.base, into: target.result, count: count)
        } else {
            received.fold(lastFolds, into: target.result)
            if exchange.isImagined { target.result.update(from: own, count: count) }
        }
    }
}

/// A long sum, cut in slices. The ranks of a host each fold a slice of their nodes to those of the host; each host
/// receives a slice of all hosts' nodes, whose parts its ranks fold; and the folded slices are gathered. On one host
/// the first is all.
final class SlicedSum<Element: LaneElement>: NodeSum, HostSpeaker {
    private(set) var stagesLeft = 0
    let nodePlace: UnsafeMutablePointer<Element>?
    let takesResult = false
    private let exchange: HostExchange
    private let count: Int
    /// In memory that the host's ranks share: the accumulators of all, the sum, the nodes of the host slice after slice
    /// for each host, the slice that belongs to this host of all hosts' nodes.
    private let nodes: LaneSlots<Element>
    private let sum: UnsafeMutablePointer<Element>
    private let packed: UnsafeMutablePointer<Element>
    private let arrived: UnsafeMutablePointer<Element>
    /// True where the host's nodes are sent as they lie in their slots: there is but one.
    private let sendsSlot: Bool
    private let hostFolds: (folds: [LaneFold], slots: [Int])
    private let lastFolds: [LaneFold]
    /// The slices of all hosts; what this one sends to each, and each sends to it.
    private let slices: BlockLayout
    private let sent: BlockLayout
    private let arriving: BlockLayout
    /// This rank's part of the whole sum, and of its host's slice.
    private let part: Range<Int>
    private let slicePart: Range<Int>
    private var target: (result: UnsafeMutablePointer<Element>, adding: Bool)?

    /// Collective: every rank of the groups calls this.
    init(_ groups: HostGroups, _ assignment: LaneAssignment, count: Int) throws {
        let stride = LaneAccumulator<Element>.stride(count: count)
        exchange = try HostExchange(groups) { groups in
            let room = Room(groups, assignment, count: count)
            return (room.slots + room.sum + room.packed + room.arrived) * MemoryLayout<Element>.stride
        }
        let groups = exchange.groups
        let room = Room(groups, assignment, count: count)
        let plan = NodePlan(groups, assignment)
        self.count = count
        let base = exchange.base.assumingMemoryBound(to: Element.self)
        nodes = LaneSlots(base: base, stride: stride, count: count)
        sum = base + room.slots
        packed = sum + room.sum
        arrived = packed + room.packed
        sendsSlot = room.packed == 0
        let (local, ranks) = (groups.world.rank - groups.ownRanks.lowerBound, groups.ownRanks.count)
        nodePlace = base + local * room.slotsOfEach * stride
        hostFolds = plan.hostFolds { $0 * room.slotsOfEach + $1 }
        lastFolds = plan.lastFolds
        slices = room.slices
        let slice = Int(slices.counts[groups.ownHost])
        sent = BlockLayout(counts: slices.counts.map { plan.ownHostCount * Int($0) })
        arriving = BlockLayout(counts: plan.hostNodes.map { $0.count * slice })
        part = local * count / ranks..<(local + 1) * count / ranks
        slicePart = local * slice / ranks..<(local + 1) * slice / ranks
    }

    /// The numbers that the parts of the memory hold.
    private struct Room {
        let slotsOfEach: Int
        let slots, sum, packed, arrived: Int
        let slices: BlockLayout

        init(_ groups: HostGroups, _ assignment: LaneAssignment, count: Int) {
            let (hosts, plan) = (groups.count, NodePlan(groups, assignment))
            let stride = LaneAccumulator<Element>.stride(count: count)
            slotsOfEach =
                groups.ownRanks.map { LaneAccumulator<Element>.slotCount(tree: plan.tree, lanes: assignment[$0]) }
                .max() ?? 0
            slots = groups.ownRanks.count * slotsOfEach * stride
            sum = stride
            slices = BlockLayout(dividing: count, into: hosts)
            packed = hosts > 1 && plan.ownHostCount > 1 ? plan.ownHostCount * stride : 0
            arrived = hosts > 1 ? plan.hostsCount * Int(slices.counts[groups.ownHost]) : 0
        }
    }

    private var isOneHost: Bool { exchange.groups.count == 1 }

    /// Where slices of the sum are gathered: at once in their place, where this rank alone needs them.
    private var gathered: UnsafeMutablePointer<Element> {
        guard exchange.groups.ownRanks.count == 1, let target, !target.adding else { return sum }
        return target.result
    }

    func start(_ slots: LaneSlots<Element>, into result: UnsafeMutablePointer<Element>, adding: Bool) throws {
        precondition(slots.base == nodePlace, "the nodes are elsewhere")
        target = (result, adding)
        stagesLeft = isOneHost ? 2 : 3
        exchange.begin(0)
        // A rank that is alone on its host waits for nobody here, and speaks at once.
        guard exchange.groups.ownRanks.count == 1 else { return }
        _ = try advance()
        _ = try isReady()
    }

    func speak(stage: Int, on link: Communicator) throws -> PendingCollective {
        if stage == 2 {
            return try link.startAllGather(inPlace: gathered, slices)
        }
        let source = sendsSlot ? nodes.slot(hostFolds.slots[0]) : packed
        return try link.startAllToAll(
            source, counts: sent.counts, displacements: sent.displacements, into: arrived, counts: arriving.counts,
            displacements: arriving.displacements)
    }

    func isReady() throws -> Bool { try exchange.isReady() }

    func waitUntilReady(meanwhile others: () throws -> Void) throws { try exchange.wait(meanwhile: others) }

    func completeStage() throws {
        guard stagesLeft > 0, let target else { return }
        stagesLeft -= 1
        switch (stagesLeft, isOneHost) {
        case (1, true):
            nodes.part(part).fold(hostFolds.folds, into: sum + part.lowerBound)
            exchange.begin(1)
        case (2, _):
            nodes.part(part).fold(hostFolds.folds)
            if !sendsSlot { pack() }
            exchange.begin(1, by: self)
        case (1, _):
            let slice = exchange.groups.ownHost
            LaneSlots(base: arrived, stride: Int(slices.counts[slice]), count: Int(slices.counts[slice])).part(
                slicePart
            )
            .fold(lastFolds, into: gathered + Int(slices.displacements[slice]) + slicePart.lowerBound)
            exchange.begin(2, by: self)
        default:
            if exchange.isImagined, let nodePlace { gathered.update(from: nodePlace, count: count) }
            // Who folds the next sum has waited for all ranks of the host after this.
            if target.adding {
                Element.add(target.result, sum, into: target.result, count: count)
            } else if gathered == sum {
                target.result.update(from: sum, count: count)
            }
        }
    }

    /// Lays this rank's part of the host's nodes slice after slice: for each host its slice of every node.
    private func pack() {
        for host in slices.counts.indices {
            let (start, length) = (Int(slices.displacements[host]), Int(slices.counts[host]))
            let common = part.clamped(to: start..<start + length)
            guard !common.isEmpty else { continue }
            let block = packed + Int(sent.displacements[host])
            for (index, slot) in hostFolds.slots.enumerated() {
                (block + index * length + common.lowerBound - start)
                    .update(from: nodes.slot(slot) + common.lowerBound, count: common.count)
            }
        }
    }
}

extension LaneSlots {
    /// The elements of a range of each buffer.
    func part(_ range: Range<Int>) -> LaneSlots {
        LaneSlots(base: base + range.lowerBound, stride: stride, count: range.count)
    }
}
