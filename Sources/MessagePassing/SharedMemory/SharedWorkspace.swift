internal import COpenMPI
import Foundation

/// Memory that the ranks of a host write and read in turns: when all have arrived, each sees what the others had written before.
///
/// An arrival raises a count that the others read: it sends nothing, and takes the time that a cache line needs from core to core.
/// Who waits long sleeps until the last one arrives.
public final class SharedWorkspace {
    /// The memory, all 0 at the start.
    public let base: UnsafeMutableRawPointer
    private let memory: SharedMemory
    private let communicator: Communicator
    /// The arrivals of all ranks: nobody arrives again before all have.
    private let count: UnsafeMutablePointer<shared_count>
    /// The count when all have arrived as often as this rank.
    private var target: UInt32 = 0

    /// The bytes of a cache line, which the count has for itself.
    private static let line = 64
    /// The longest sleep in nanoseconds: a message that MPI still holds goes on when it is asked.
    private static let longestSleep = 2_000_000

    /// Memory of `count` bytes for the ranks of a host; nil, at all of them, where it has no room for it.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - communicator: of ranks that can share memory (`Communicator.canShareMemory`).
    ///   - count: the bytes.
    /// - Throws: `Failure` 74 when MPI fails.
    public init?(_ communicator: Communicator, count: Int) throws {
        guard let memory = try communicator.shareMemory(Self.line + count), let bytes = memory.mutableBytes.baseAddress
        else { return nil }
        self.memory = memory
        self.communicator = communicator
        self.count = bytes.bindMemory(to: shared_count.self, capacity: 1)
        base = bytes + Self.line
    }

    /// Says that this rank is here, with all that it has written. Local; it has waited for the others since it arrived last.
    public func arrive() {
        target &+= UInt32(communicator.worldSize)
        if count_raise(count) == target { count_wake(count) }
    }

    /// Whether the others have arrived as often as this rank. Local.
    public var areAllHere: Bool { Self.has(count_read(count), reached: target) }

    /// Counts wrap around, and are never far apart.
    private static func has(_ value: UInt32, reached target: UInt32) -> Bool { Int32(bitPattern: value &- target) >= 0 }

    /// Waits until the others have arrived as often as this rank.
    ///
    /// Collective: every rank of the communicator arrives.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func wait() throws {
        guard !areAllHere else { return Progress.beat() }
        try Progress.waiting {
            var patience = Patience()
            while true {
                let value = count_read(count)
                if Self.has(value, reached: target) { return }
                guard patience.pass() != nil else { continue }
                count_sleep(count, value, Self.longestSleep)
                try communicator.letMessagesGoOn()
            }
        }
    }
}
