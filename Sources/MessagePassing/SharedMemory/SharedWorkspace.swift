internal import COpenMPI
import Foundation

/// Memory that the ranks of a host write and read in turns: when all have arrived, each sees what the others had written before.
///
/// An arrival is a count that the others read: it sends nothing, and takes the time that a cache line needs from core to core.
public final class SharedWorkspace {
    /// The memory, all 0 at the start.
    public let base: UnsafeMutableRawPointer
    private let memory: SharedMemory
    private let communicator: Communicator
    /// For each rank how often it has arrived, each in a cache line of its own.
    private let counts: UnsafeMutablePointer<UInt>
    private var arrivals: UInt = 0

    /// The numbers of a cache line.
    private static let line = 8
    /// How often a waiting rank looks before it lets others have its core.
    private static let spins = 4096

    /// Memory of `count` bytes for the ranks of a host; nil, at all of them, where it has no room for it.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - communicator: of ranks that can share memory (`Communicator.canShareMemory`).
    ///   - count: the bytes.
    /// - Throws: `Failure` 74 when MPI fails.
    public init?(_ communicator: Communicator, count: Int) throws {
        let counts = communicator.worldSize * Self.line
        let start = 8 * counts
        guard let memory = try communicator.shareMemory(start + count), let bytes = memory.mutableBytes.baseAddress
        else { return nil }
        self.memory = memory
        self.communicator = communicator
        self.counts = bytes.bindMemory(to: UInt.self, capacity: counts)
        base = bytes + start
    }

    /// Says that this rank is here, with all that it has written. Local; every rank arrives as often as the others.
    public func arrive() {
        arrivals += 1
        count_write(counts + communicator.rank * Self.line, arrivals)
    }

    /// Whether the others have arrived as often as this rank. Local.
    public var areAllHere: Bool {
        (0..<communicator.worldSize).allSatisfy { count_read(counts + $0 * Self.line) >= arrivals }
    }

    /// Waits until the others have arrived as often as this rank.
    ///
    /// Collective: every rank of the communicator arrives.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func wait() throws {
        guard !areAllHere else { return Progress.beat() }
        try Progress.waiting {
            var looks = 0
            while !areAllHere {
                looks += 1
                if looks < Self.spins {
                    core_pause()
                } else {
                    // The others may need this core, or a message that MPI still holds: it goes on when it is asked.
                    sched_yield()
                    try communicator.letMessagesGoOn()
                }
            }
        }
    }
}
