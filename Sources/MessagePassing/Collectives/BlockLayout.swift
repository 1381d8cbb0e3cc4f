/// Blocks of different sizes, one after another, in elements.
package struct BlockLayout {
    /// The elements of each block.
    package private(set) var counts: [Int32]
    /// The first element of each block.
    package private(set) var displacements: [Int32]
    /// The elements of all blocks.
    package private(set) var total = 0

    /// Blocks of the given sizes.
    package init(counts sizes: [Int]) {
        counts = Array(repeating: 0, count: sizes.count)
        displacements = counts
        set { sizes[$0] }
    }

    /// Elements divided among blocks as evenly as can be.
    package init(dividing elements: Int, into blocks: Int) {
        self.init(counts: (0..<blocks).map { ($0 + 1) * elements / blocks - $0 * elements / blocks })
    }

    /// Gives each block another size. Allocates nothing.
    package mutating func set(_ count: (_ block: Int) -> Int) {
        total = 0
        for block in counts.indices {
            displacements[block] = messageCount(total)
            counts[block] = messageCount(count(block))
            total += Int(counts[block])
        }
        _ = messageCount(total)
    }

    /// Cuts the bytes of all blocks into one array of elements for each block.
    func split<Element: BitwiseCopyable>(_ bytes: [UInt8]) -> [[Element]] {
        bytes.withUnsafeBytes { bytes in
            zip(counts, displacements).map { count, start in
                let size = MemoryLayout<Element>.stride
                return (0..<Int(count) / size).map {
                    bytes.loadUnaligned(fromByteOffset: Int(start) + $0 * size, as: Element.self)
                }
            }
        }
    }
}
