internal import COpenMPI

/// Counts in memory that processes of a host share, each in a cache line of its own. Who reads a count sees all that
/// its writer wrote before.
public struct SharedCounts: @unchecked Sendable {
    /// The bytes that so many counts take.
    public static func bytes(_ count: Int) -> Int { count * line }

    /// The number of counts.
    public let count: Int
    private let base: UnsafeMutableRawPointer

    private static let line = 64

    /// The first `count` counts of writable memory, all 0 at the start, which the caller keeps.
    public init(_ bytes: UnsafeMutableRawBufferPointer, count: Int) {
        guard let base = bytes.baseAddress, bytes.count >= Self.bytes(count) else {
            preconditionFailure("\(count) counts in \(bytes.count) bytes")
        }
        (self.base, self.count) = (base, count)
    }

    /// A count; one that is set is written by one thread of one process.
    public subscript(index: Int) -> Int {
        get { Int(bitPattern: count_read(place(index))) }
        nonmutating set { count_write(place(index), UInt(bitPattern: newValue)) }
    }

    /// Adds 1, and wakes those that sleep where the count is now the one at which they are to be woken: any, where that
    /// is nil.
    func raise(_ index: Int, wakingAt target: Int? = nil) {
        let value = Int(bitPattern: count_raise(place(index)))
        if target == nil || value == target { count_wake(place(index)) }
    }

    /// Sleeps until a count is raised to what wakes, or some nanoseconds, fewer than 1e9, have gone by; returns at once
    /// where the count has reached `target`.
    ///
    /// - Returns: true where it slept.
    func sleep(_ index: Int, until target: Int, nanoseconds: Int) -> Bool {
        let value = self[index]
        guard value < target else { return false }
        count_sleep(place(index), UInt(bitPattern: value), nanoseconds)
        return true
    }

    private func place(_ index: Int) -> UnsafeMutablePointer<shared_count> {
        precondition((0..<count).contains(index), "count \(index) of \(count)")
        return (base + index * Self.line).assumingMemoryBound(to: shared_count.self)
    }
}
