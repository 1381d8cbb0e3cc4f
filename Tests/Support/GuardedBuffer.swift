import Kernels

/// Memory for a kernel's output with guard values behind it: shows what a kernel writes beyond its elements.
public final class GuardedBuffer<Element: BitwiseCopyable & Equatable> {
    /// The first element.
    public let pointer: UnsafeMutablePointer<Element>
    /// The number of elements.
    public let count: Int
    private let guardValue: Element
    private let guards = 64

    /// `count` elements, they and the guards behind them set to `value`.
    public init(_ count: Int, _ value: Element) {
        self.count = count
        guardValue = value
        pointer = .allocate(capacity: count + guards)
        pointer.initialize(repeating: value, count: count + guards)
    }

    /// `elements`, and guards of `value` behind them.
    public convenience init(_ elements: [Element], guard value: Element) {
        self.init(elements.count, value)
        for (i, element) in elements.enumerated() { pointer[i] = element }
    }

    deinit { pointer.deallocate() }

    /// The elements.
    public var elements: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// The number of elements touched behind the last one: one more than the last guard that changed.
    public var overrun: Int {
        (0..<guards).last { pointer[count + $0] != guardValue }.map { $0 + 1 } ?? 0
    }
}
