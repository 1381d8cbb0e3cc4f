import Foundation

/// A flat array with a fixed address: zeroed, aligned to a cache line, with 128 bytes of slack behind the last element
/// so that kernels may touch whole vectors there. Its owner takes it once; the step lends pointers into it.
///
/// Large ones lie in huge pages where the system has them: passes over megabytes of activations and parameters miss the
/// TLB otherwise.
public final class Buffer<Element: BitwiseCopyable> {
    /// The elements' address.
    public let pointer: UnsafeMutablePointer<Element>
    /// The number of elements, without the slack.
    public let count: Int

    /// Takes zeroed memory for `count` elements.
    public init(_ count: Int) {
        self.count = count
        let bytes = count * MemoryLayout<Element>.stride + 128
        // The rest behind the last whole huge page gets one, too, where it nearly fills it.
        let hugeBytes = (bytes + hugePage / 4) / hugePage * hugePage
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(bytes, hugeBytes), alignment: hugeBytes > 0 ? hugePage : 64)
        if hugeBytes > 0 { madvise(raw, hugeBytes, MADV_HUGEPAGE) }
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

/// The bytes of a huge page of x86-64, and of arm64 with pages of 4 KiB.
private let hugePage = 2 << 20
