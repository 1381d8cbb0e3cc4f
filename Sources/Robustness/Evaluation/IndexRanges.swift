/// Some disjoint ranges of indices, joined where they touch.
public struct IndexRanges: Equatable, Sendable {
    private var ranges: [Range<Int>] = []

    /// None.
    public init() {}

    /// Adds a range.
    public mutating func insert(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        ranges.append(range)
        ranges.sort { $0.lowerBound < $1.lowerBound }
        ranges = ranges.reduce(into: []) { joined, next in
            if let last = joined.last, next.lowerBound <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, next.upperBound)
            } else {
                joined.append(next)
            }
        }
    }

    /// How many indices there are.
    public var count: Int { ranges.reduce(0) { $0 + $1.count } }

    /// The ranges of a larger one that are not in it, in order.
    public func gaps(in whole: Range<Int>) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var start = whole.lowerBound
        for range in ranges where range.upperBound > start && range.lowerBound < whole.upperBound {
            if range.lowerBound > start { gaps.append(start..<range.lowerBound) }
            start = range.upperBound
        }
        if start < whole.upperBound { gaps.append(start..<whole.upperBound) }
        return gaps
    }
}
