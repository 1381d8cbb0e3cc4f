/// The one binary tree in which sums over lanes are formed, whatever rank holds them (invariant 1).
///
/// A node is a range of lanes lo..<hi. A leaf is one lane; any other node splits at (lo + hi) / 2 and has the value
/// value(lo..<mid) + value(mid..<hi). A rank forms the nodes that lie within its own lanes, and the rest of the tree is
/// folded from these: the same additions in the same places for every number of ranks.
public struct LaneTree: Equatable, Sendable {
    /// The number of lanes L.
    public let lanes: Int

    /// The tree over `lanes` lanes, at least one.
    public init(lanes: Int) {
        precondition(lanes > 0, "\(lanes) lanes")
        self.lanes = lanes
    }

    /// The largest nodes of the tree that lie within a range of lanes, in ascending order; together they are the range.
    public func cover(_ range: Range<Int>) -> [Range<Int>] {
        precondition(0 <= range.lowerBound && range.upperBound <= lanes, "lanes \(range) of \(lanes)")
        func cover(_ node: Range<Int>) -> [Range<Int>] {
            let common = node.clamped(to: range)
            if common.isEmpty { return [] }
            if common == node { return [node] }
            let (left, right) = LaneTree.halves(node)
            return cover(left) + cover(right)
        }
        return cover(0..<lanes)
    }

    static func halves(_ node: Range<Int>) -> (Range<Int>, Range<Int>) {
        let middle = (node.lowerBound + node.upperBound) / 2
        return (node.lowerBound..<middle, middle..<node.upperBound)
    }
}

/// One addition of buffers: slot `left` becomes the sum of the slots `left` and `right`.
struct LaneFold: Equatable {
    let left: Int
    let right: Int
}

extension LaneTree {
    /// The additions that make the root's value, in slot 0, from nodes that tile the tree, node i in slot i.
    func folds(of nodes: [Range<Int>]) -> [LaneFold] {
        folds(of: nodes, in: Array(nodes.indices), to: [0..<lanes]).folds
    }

    /// The additions that make the values of `results`, in ascending order, from nodes that tile them, node i in slot
    /// `slots[i]`; and the slots in which the results stand then.
    func folds(of nodes: [Range<Int>], in slots: [Int], to results: [Range<Int>]) -> (folds: [LaneFold], slots: [Int]) {
        var folds: [LaneFold] = []
        var next = 0
        func fold(_ node: Range<Int>) -> Int {
            if nodes[next] == node {
                next += 1
                return slots[next - 1]
            }
            let (left, right) = LaneTree.halves(node)
            let halves = (fold(left), fold(right))
            folds.append(LaneFold(left: halves.0, right: halves.1))
            return halves.0
        }
        let places = results.map(fold)
        return (folds, places)
    }
}

/// Buffers of equal length, a fixed stride apart, and the additions among them.
struct LaneSlots<Element: LaneElement> {
    let base: UnsafeMutablePointer<Element>
    let stride: Int
    let count: Int

    func slot(_ index: Int) -> UnsafeMutablePointer<Element> { base + index * stride }

    /// Does the additions in order, in blocks that stay in the cache. With `result` the last of them goes there instead
    /// of into its slot; without any addition slot 0 is copied there.
    func fold(_ folds: [LaneFold], into result: UnsafeMutablePointer<Element>? = nil) {
        let block = 2048
        var start = 0
        while start < count {
            let length = min(block, count - start)
            for index in folds.indices {
                let left = slot(folds[index].left) + start
                let right = slot(folds[index].right) + start
                let isLast = index == folds.count - 1
                let sums = isLast ? result.map { $0 + start } ?? left : left
                Element.add(left, right, into: sums, count: length)
            }
            start += length
        }
        if let result, folds.isEmpty { result.update(from: base, count: count) }
    }
}
