/// A number for all that a lane contributed in a pass: equal for equal bits. A single word that differs always shows,
/// more than one but for a chance of 2^-64.
package struct LaneSignature: Equatable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    /// Takes in the bytes of `count` elements; each step is a bijection of the value (FNV-1a by words of 8 bytes).
    package mutating func add<Element: BitwiseCopyable>(_ elements: UnsafePointer<Element>, count: Int) {
        let bytes = UnsafeRawBufferPointer(start: elements, count: count * MemoryLayout<Element>.stride)
        // Four chains, which the processor follows side by side.
        var (a, b, c, d) = (value, value ^ 1, value ^ 2, value ^ 3)
        let whole = bytes.count & ~31
        var offset = 0
        while offset < whole {
            a = Self.mix(a, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            b = Self.mix(b, bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
            c = Self.mix(c, bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
            d = Self.mix(d, bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
            offset += 32
        }
        while offset < bytes.count {
            a = Self.mix(a, UInt64(bytes[offset]))
            offset += 1
        }
        value = Self.mix(Self.mix(Self.mix(a, b), c), d)
    }

    private static func mix(_ value: UInt64, _ word: UInt64) -> UInt64 {
        let product = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ (product >> 29)
    }
}

/// The record of a pass for an audit: the signatures of the rank's lanes, and the sums over all lanes in the order in
/// which they were formed.
final class MicroBatchRecord {
    /// One for each local lane.
    private(set) var signatures: [LaneSignature]
    /// The sums, one after another.
    private(set) var totals: [Double] = []
    /// True where anything is noted.
    private(set) var isOpen = false

    init(lanes: Int) { signatures = Array(repeating: LaneSignature(), count: lanes) }

    /// Forgets the last pass, and notes what follows.
    func open() {
        for lane in signatures.indices { signatures[lane] = LaneSignature() }
        totals.removeAll(keepingCapacity: true)
        isOpen = true
    }

    /// Notes no more.
    func close() { isOpen = false }

    func note<Element: BitwiseCopyable>(lane: Int, _ elements: UnsafePointer<Element>, count: Int) {
        if isOpen { signatures[lane].add(elements, count: count) }
    }

    func note(total: UnsafePointer<Double>, count: Int) {
        if isOpen { totals += UnsafeBufferPointer(start: total, count: count) }
    }
}
