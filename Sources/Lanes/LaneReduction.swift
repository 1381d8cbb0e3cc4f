import Essentials
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
/// Each rank forms the nodes of the lane tree that lie within its lanes, the ranks of a host those that lie within the
/// host's, in memory that they share, and hosts exchange these: short sums whole, long ones in slices. The bits are the
/// same in all ways, since the additions of an element are.
///
/// A sum may be of several pieces, each with partial results of its own, which come after those of the piece before:
/// they are exchanged as one, when all are there.
public final class LaneReduction<Element: LaneElement>: StagedCollective {
    /// This rank's lanes.
    public let lanes: Range<Int>
    /// Where the pieces lie in the sum, one behind another; in the gaps between them stands nothing of use.
    public let pieces: [Range<Int>]
    /// The number of elements, with the gaps between pieces.
    public var count: Int { pieces.last?.upperBound ?? 0 }

    /// Results of at most so many bytes go whole.
    public static var wholeLimit: Int { 32 * 1024 }
    /// The nodes that each rank folds by itself, where results go whole, are at most so many times as many bytes.
    private static var wholeNodes: Int { 8 }

    private let accumulator: LaneAccumulator<Element>
    private let sum: any NodeSum<Element>

    /// Prepares sums over lanes. All ranks give the same values.
    ///
    /// Collective: every rank of the groups calls this.
    ///
    /// - Parameters:
    ///   - groups: the ranks that hold the lanes, by their hosts.
    ///   - assignment: the lanes of each rank.
    ///   - counts: the number of elements of each piece, at least one.
    ///   - mode: whether the bits are to be the same for every number of ranks.
    ///   - wholeLimit: results of at most so many bytes travel whole. It does not change the result.
    /// - Throws: `Failure` 74 when MPI fails.
    public init(
        _ groups: HostGroups, _ assignment: LaneAssignment, pieces counts: [Int], mode: ReductionMode = .exact,
        wholeLimit: Int = LaneReduction.wholeLimit
    ) throws {
        let ranks = groups.world.worldSize
        precondition(assignment.ranks == ranks, "lanes for \(assignment.ranks) of \(ranks) ranks")
        let pieces = Self.pieces(of: counts)
        self.pieces = pieces
        lanes = assignment[groups.world.rank]
        let count = pieces.last?.upperBound ?? 0
        if mode == .fast || ranks == 1 {
            sum = PlainSum(groups, count: count)
        } else if Self.goesWhole(count: count, hosts: groups.count, ranks: ranks, wholeLimit: wholeLimit) {
            sum = try WholeSum(groups, assignment, count: count)
        } else {
            sum = try SlicedSum(groups, assignment, count: count)
        }
        accumulator =
            mode == .exact
            ? LaneAccumulator(
                tree: LaneTree(lanes: assignment.lanes), lanes: lanes, pieces: pieces, memory: sum.nodePlace)
            : LaneAccumulator(inOrder: lanes, pieces: pieces)
    }

    /// Prepares sums of one piece of `count` elements, else as above. Collective: every rank of the groups calls this.
    public convenience init(
        _ groups: HostGroups, _ assignment: LaneAssignment, count: Int, mode: ReductionMode = .exact,
        wholeLimit: Int = LaneReduction.wholeLimit
    ) throws {
        try self.init(groups, assignment, pieces: [count], mode: mode, wholeLimit: wholeLimit)
    }

    /// Where pieces of these numbers of elements lie in a sum: each begins with a cache line.
    public static func pieces(of counts: [Int]) -> [Range<Int>] { LaneAccumulator<Element>.pieces(of: counts) }

    /// True where a sum goes whole. Each rank then folds nodes of all hosts, or of all ranks of the only one.
    private static func goesWhole(count: Int, hosts: Int, ranks: Int, wholeLimit: Int) -> Bool {
        // Not integers: what a recipe asks for may be beyond counting.
        let bytes = Double(count) * Double(MemoryLayout<Element>.stride)
        return bytes <= Double(wholeLimit)
            && bytes * Double(hosts == 1 ? ranks : hosts) <= Double(wholeNodes * max(wholeLimit, self.wholeLimit))
    }

    /// The memory that such a sum takes on a rank and its host, known before any of it is taken: at the least.
    ///
    /// - Parameters:
    ///   - ranksOfHost: the ranks of each host; of the last one, those that are left.
    ///   - count: the number of elements, with the gaps between pieces.
    public static func memory(
        _ assignment: LaneAssignment, rank: Int, ranksOfHost: Int, count: Int, mode: ReductionMode = .exact
    ) -> MemorySize {
        precondition(ranksOfHost > 0, "\(ranksOfHost) ranks on a host")
        let tree = LaneTree(lanes: assignment.lanes)
        let own = LaneAccumulator<Element>.memory(tree: tree, lanes: assignment[rank], count: count)
        let buffer = Double(LaneAccumulator<Element>.stride(count: count)) * Double(MemoryLayout<Element>.stride)
        if mode == .fast { return MemorySize(own: min(2, Double(assignment[rank].count)) * buffer) }
        guard assignment.ranks > 1 else { return MemorySize(own: own) }
        let hosts = stride(from: 0, to: assignment.ranks, by: ranksOfHost).map {
            $0..<min($0 + ranksOfHost, assignment.ranks)
        }
        let (host, ownRanks) = (rank / ranksOfHost, hosts[rank / ranksOfHost])
        let hostNodes = hosts.map { tree.cover(assignment.lanes(of: $0)).count }
        let hostsCount = Double(hostNodes.reduce(0, +))
        guard goesWhole(count: count, hosts: hosts.count, ranks: assignment.ranks, wholeLimit: wholeLimit) else {
            // The accumulators of the host's ranks and the sum.
            var shared = buffer
            for other in ownRanks {
                shared += LaneAccumulator<Element>.memory(tree: tree, lanes: assignment[other], count: count)
            }
            guard hosts.count > 1 else { return MemorySize(shared: shared) }
            // What is packed for the other hosts, and a slice of the nodes of all.
            if hostNodes[host] > 1 { shared += Double(hostNodes[host]) * buffer }
            let slice = Double(count / hosts.count) * Double(MemoryLayout<Element>.stride)
            return MemorySize(shared: shared + hostsCount * slice)
        }
        // The nodes of the host's ranks, and on several hosts those of all hosts; with one host they lie there twice.
        let nodes = Double(ownRanks.reduce(0) { $0 + tree.cover(assignment[$1]).count })
        let received = hosts.count > 1 ? hostsCount : nodes
        return MemorySize(own: own + received * buffer, shared: (nodes + received) * buffer)
    }

    /// Starts a new sum of a piece. Local.
    public func begin(piece: Int = 0) { accumulator.begin(piece: piece) }

    /// The buffer for the partial result of the next lane, all of which is to be written. Local.
    public func partial(_ lane: Int, piece: Int = 0) -> UnsafeMutableBufferPointer<Element> {
        let due = accumulator.due(piece: piece)
        precondition(lane == due, "lane \(lane) comes where lane \(due) of \(lanes) is due")
        return accumulator.next(piece: piece)
    }

    /// Takes the partial result that was written. Local.
    public func finishLane(piece: Int = 0) { accumulator.commit(piece: piece) }

    /// Leaves the sum over all lanes in `result`, `count` elements, at every rank, or adds it to what stands there.
    ///
    /// Collective: every rank of the groups calls this, after the last lane of its last piece.
    ///
    /// - Parameter others: goes on with other sums under way, as far as they can.
    /// - Throws: `Failure` 74 when MPI fails.
    public func reduce(
        into result: UnsafeMutablePointer<Element>, adding: Bool = false, meanwhile others: () throws -> Void = {}
    ) throws {
        try start(into: result, adding: adding)
        try finish(meanwhile: others)
    }

    /// Begins what `reduce` does and returns. Neither `result` nor the next sum may be touched before nothing is left
    /// of it.
    ///
    /// Collective: every rank of the groups calls this, after the last lane of its last piece, and nothing else on them
    /// until the sum is there.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func start(into result: UnsafeMutablePointer<Element>, adding: Bool = false) throws {
        precondition(stagesLeft == 0, "a sum is under way")
        accumulator.complete(into: sum.takesResult && !adding ? result : nil)
        try sum.start(accumulator.slots, into: result, adding: adding)
    }

    /// The stages that are left of the sum under way.
    public var stagesLeft: Int { sum.stagesLeft }
    /// True where the others have done what the next stage needs. Local.
    public func isReady() throws -> Bool { try sum.isReady() }
    /// Waits until they have. Collective.
    public func waitUntilReady(meanwhile others: () throws -> Void) throws {
        try sum.waitUntilReady(meanwhile: others)
    }
    /// Does the next stage, which is ready. Local.
    public func completeStage() throws { try sum.completeStage() }
}
