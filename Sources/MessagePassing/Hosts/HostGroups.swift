import Essentials
import Foundation

/// The ranks of a communicator by the hosts that they are on. Ranks of a host work together in memory that they share,
/// and the first of them speaks with the first ranks of the other hosts.
///
/// Where memory cannot be shared every rank counts as a host of its own, and all travels by messages. Results do not
/// depend on it.
public final class HostGroups {
    /// The communicator of all ranks.
    public let world: Communicator
    /// The ranks of this host, which share memory; this rank alone where it counts as a host of its own.
    public let host: Communicator
    /// The first rank of each host, in the order of the hosts; nil on the other ranks.
    public let link: Communicator?
    /// The number of this rank's host.
    public let ownHost: Int
    /// Host h has the ranks `starts[h] ..< starts[h + 1]`.
    private let starts: [Int]
    /// The reason why every rank counts as a host of its own, though some run on one host; nil where memory is shared.
    public let obstacle: String?
    /// True where shared memory had room for all that was to lie there.
    private var hasRoom = true

    private init(_ world: Communicator, host: Communicator, link: Communicator?, starts: [Int], obstacle: String?) {
        self.world = world
        self.host = host
        self.link = link
        self.starts = starts
        self.obstacle = obstacle
        ownHost = starts.lastIndex { $0 <= world.rank } ?? 0
    }

    /// Finds the hosts of a communicator's ranks, which are numbered host by host (`Communicator.start` sees to that).
    /// `STEADFAST_SHARED_MEMORY=off` in the environment of any rank keeps them from sharing memory.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public convenience init(_ world: Communicator) throws {
        guard world.worldSize > 1 else {
            self.init(world, host: world, link: world, starts: [0, 1], obstacle: nil)
            return
        }
        let host = try world.splitByNode()
        let firsts = try world.allGather(try host.broadcast(Int32(world.rank)))
        let starts = firsts.indices.filter { $0 == 0 || firsts[$0] != firsts[$0 - 1] } + [firsts.count]
        let obstacle = try Self.obstacle(world, host, isInOrder: Set(firsts).count == starts.count - 1)
        if obstacle != nil || starts.count == firsts.count + 1 {
            try host.finish()
            self.init(separating: world, obstacle: obstacle)
            return
        }
        let firstRanks = try world.split(color: host.rank == 0 ? 0 : 1, key: world.rank)
        if host.rank > 0 { try firstRanks.finish() }
        self.init(world, host: host, link: host.rank == 0 ? firstRanks : nil, starts: starts, obstacle: nil)
    }

    /// Every rank as a host of its own: all travels by messages. Local.
    public convenience init(separating world: Communicator, obstacle: String? = nil) {
        self.init(world, host: .alone, link: world, starts: Array(0...world.worldSize), obstacle: obstacle)
    }

    /// The hosts of ranks that are but imagined, of equal numbers of ranks. Local.
    convenience init(rehearsing world: Communicator, hosts: Int) {
        let size = world.worldSize / hosts
        let obstacle = Self.isOff ? Self.offReason : nil
        guard let rehearsal = world.rehearsal, size > 1, obstacle == nil else {
            self.init(separating: world, obstacle: size > 1 ? obstacle : nil)
            return
        }
        let (host, local) = world.rank.quotientAndRemainder(dividingBy: size)
        self.init(
            world, host: Communicator(rank: local, worldSize: size, rehearsal: rehearsal),
            link: local == 0 ? Communicator(rank: host, worldSize: hosts, rehearsal: rehearsal) : nil,
            starts: (0...hosts).map { $0 * size }, obstacle: nil)
    }

    private static var isOff: Bool { ProcessInfo.processInfo.environment["STEADFAST_SHARED_MEMORY"] == "off" }
    private static let offReason = "STEADFAST_SHARED_MEMORY is off"

    /// The reason why ranks of a host cannot share memory, on any host; nil where they can. Collective.
    private static func obstacle(_ world: Communicator, _ host: Communicator, isInOrder: Bool) throws -> String? {
        if !isInOrder { return "the ranks are not numbered host by host" }
        if try world.allReduce(Int32(isOff ? 1 : 0), .max) == 1 { return offReason }
        let seesMemory = try host.worldSize == 1 || host.shareMemory(1) != nil
        let allSee = try world.allReduce(Int32(seesMemory ? 1 : 0), .min) == 1
        return allSee ? nil : "ranks of a host cannot see each other's memory"
    }

    /// The number of hosts.
    public var count: Int { starts.count - 1 }

    /// The ranks of a host.
    public func ranks(ofHost host: Int) -> Range<Int> { starts[host]..<starts[host + 1] }

    /// The ranks of this rank's host.
    public var ownRanks: Range<Int> { ranks(ofHost: ownHost) }

    /// True where this rank speaks with other hosts.
    public var speaks: Bool { count > 1 && link != nil }

    /// How sums travel, for people: completes `sums `.
    public var way: String {
        if world.worldSize == 1 { return "on one rank" }
        if count == world.worldSize { return "by messages between the ranks" + (obstacle.map { ": \($0)" } ?? "") }
        let rest = hasRoom ? "" : "; some by messages alone, since there is no room for them"
        if count == 1 { return "in memory that the ranks share" + rest }
        return "in memory that the ranks of a host share, and by messages between the \(count) hosts" + rest
    }

    /// The same groups, whose first ranks speak beside what they say by these.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameter whole: all ranks are to speak with each other, see `world`.
    public func duplicate(whole: Bool = false) throws -> HostGroups {
        if whole || count == world.worldSize {
            return HostGroups(separating: try world.duplicate(), obstacle: obstacle)
        }
        return HostGroups(world, host: host, link: try link?.duplicate(), starts: starts, obstacle: obstacle)
    }

    /// Every rank as a host of its own, for a part of the work that shared memory has no room for; `way` says so from
    /// now on. Collective.
    func separated() throws -> HostGroups {
        hasRoom = false
        return HostGroups(separating: try world.duplicate())
    }
}
