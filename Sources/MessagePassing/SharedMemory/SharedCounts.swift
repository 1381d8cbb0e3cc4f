internal import COpenMPI

/// Counts at the beginning of memory that processes of a host share, each in a cache line of its own. Who reads a count
/// sees all that its writer wrote before.
public struct SharedCounts: @unchecked Sendable {
    /// The bytes that so many counts take.
    public static func bytes(_ count: Int) -> Int { count * line }

    /// The number of counts.
    public let count: Int
    private let memory: SharedMemory
    private let base: UnsafeMutablePointer<UInt>

    private static let line = 64

    /// The first `count` counts of writable memory.
    public init(_ memory: SharedMemory, count: Int) {
        let bytes = memory.mutableBytes
        guard let base = bytes.baseAddress, bytes.count >= Self.bytes(count) else {
            preconditionFailure("\(count) counts in \(bytes.count) bytes")
        }
        (self.memory, self.count) = (memory, count)
        self.base = base.bindMemory(to: UInt.self, capacity: Self.bytes(count) / MemoryLayout<UInt>.size)
    }

    /// A count; each is written by one thread of one process.
    public subscript(index: Int) -> Int {
        get { Int(bitPattern: word_read(place(index))) }
        nonmutating set { word_write(place(index), UInt(bitPattern: newValue)) }
    }

    private func place(_ index: Int) -> UnsafeMutablePointer<UInt> {
        precondition((0..<count).contains(index), "count \(index) of \(count)")
        return base + index * (Self.line / MemoryLayout<UInt>.size)
    }
}
