/// A flat array with a fixed address: zeroed, aligned to a cache line, with 128 bytes of slack behind the last element so
/// that kernels may touch whole vectors there. Its owner takes it once; the step lends pointers into it.
public final class Buffer<Element: BitwiseCopyable> {
    /// The elements' address.
    public let pointer: UnsafeMutablePointer<Element>
    /// The number of elements, without the slack.
    public let count: Int

    /// Takes zeroed memory for `count` elements.
    public init(_ count: Int) {
        self.count = count
        let bytes = count * MemoryLayout<Element>.stride + 128
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        pointer = raw.assumingMemoryBound(to: Element.self)
    }

    /// Takes memory for the elements of an array and copies them.
    public convenience init(_ elements: [Element]) {
        self.init(elements.count)
        elements.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
        }
    }

    deinit { pointer.deallocate() }

    /// A copy of the elements.
    public var elements: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// The elements as raw bytes.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: pointer, count: count * MemoryLayout<Element>.stride)
    }
}
