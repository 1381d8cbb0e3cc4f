/// The memory that something takes, known before it is taken, in bytes. Not integers: what a recipe asks for may be
/// beyond counting.
public struct MemorySize: Equatable, Sendable {
    /// Of a process's own.
    public var own: Double
    /// The bytes that the ranks of a host share, all of them.
    public var shared: Double

    /// So many bytes.
    public init(own: Double = 0, shared: Double = 0) { (self.own, self.shared) = (own, shared) }

    /// The bytes that a rank holds where it touches all that is shared: what the system counts as resident.
    public var resident: Double { own + shared }

    /// A rank's part of what so many on a host take in all.
    public func part(ofRanks ranks: Int) -> Double { own + shared / Double(max(1, ranks)) }

    /// Both together.
    public static func + (a: MemorySize, b: MemorySize) -> MemorySize {
        MemorySize(own: a.own + b.own, shared: a.shared + b.shared)
    }

    /// Adds another size.
    public static func += (a: inout MemorySize, b: MemorySize) { a = a + b }
}
