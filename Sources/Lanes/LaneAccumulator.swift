/// Sums the partial results of one rank's lanes within the lane tree, as they come.
///
/// Nodes whose halves are both complete are added at once, as a binary counter carries, so few buffers are in use: the
/// nodes of the cover and one for each level under them. All memory is taken at the start.
///
/// The partial results may come in pieces, all lanes of one and then all lanes of the next: sums of their own, which
/// lie in the buffers one behind another.
public final class LaneAccumulator<Element: LaneElement> {
    /// The lanes that are fed, in ascending order.
    public let lanes: Range<Int>
    /// The nodes whose values stand in the slots 0, 1, ... at the end.
    public let cover: [Range<Int>]
    /// Where the pieces of each partial result lie in it.
    let pieces: [Range<Int>]
    /// The buffers, and the part of them that each piece has.
    let slots: LaneSlots<Element>
    private let parts: [LaneSlots<Element>]

    /// The number of buffers.
    public let slotCount: Int
    private let ownsSlots: Bool
    private typealias Step = (slot: Int, folds: [LaneFold])
    /// For each lane, the slot that its partial result is written to and the additions that follow.
    private let steps: [Step]
    /// The number of lanes that each piece has been fed.
    private var fed: [Int]

    /// Prepares to sum partial results of `count` elements of the given lanes in the tree.
    public convenience init(tree: LaneTree, lanes: Range<Int>, count: Int) {
        self.init(tree: tree, lanes: lanes, pieces: [0..<count])
    }

    /// Prepares to sum partial results in pieces, in memory that it takes, or in `memory`, of `slotCount(tree:lanes:)`
    /// buffers of `stride(count:)` numbers.
    convenience init(
        tree: LaneTree, lanes: Range<Int>, pieces: [Range<Int>], memory: UnsafeMutablePointer<Element>? = nil
    ) {
        let (cover, steps) = Self.plan(tree, lanes)
        self.init(lanes: lanes, cover: cover, pieces: pieces, steps: steps, memory: memory)
    }

    /// Where pieces of these numbers of elements lie in a partial result: each begins with a cache line.
    static func pieces(of counts: [Int]) -> [Range<Int>] {
        var (start, pieces) = (0, [Range<Int>]())
        for count in counts {
            pieces.append(start..<start + count)
            start += stride(count: count)
        }
        return pieces
    }

    /// The number of buffers that lanes take in the tree.
    static func slotCount(tree: LaneTree, lanes: Range<Int>) -> Int { slotCount(plan(tree, lanes).steps) }

    private static func slotCount(_ steps: [Step]) -> Int { (steps.map(\.slot).max() ?? 0) + 1 }

    /// The numbers from one buffer to the next: whole cache lines.
    static func stride(count: Int) -> Int {
        let line = 64 / MemoryLayout<Element>.stride
        return max((count + line - 1) / line * line, line)
    }

    /// The bytes of the buffers of such a sum, in memory of its own.
    static func memory(tree: LaneTree, lanes: Range<Int>, count: Int) -> Double {
        Double(slotCount(tree: tree, lanes: lanes)) * Double(stride(count: count))
            * Double(MemoryLayout<Element>.stride)
    }

    private static func plan(_ tree: LaneTree, _ lanes: Range<Int>) -> (cover: [Range<Int>], steps: [Step]) {
        let cover = tree.cover(lanes)
        var steps: [Step] = []
        var depth = 0
        func visit(_ node: Range<Int>) {
            if node.count == 1 {
                steps.append((depth, []))
            } else {
                let (left, right) = LaneTree.halves(node)
                visit(left)
                visit(right)
                depth -= 2
                steps[steps.count - 1].folds.append(LaneFold(left: depth, right: depth + 1))
            }
            depth += 1
        }
        cover.forEach(visit)
        return (cover, steps)
    }

    /// Takes the memory to sum partial results one after another, as a plain loop does: two buffers.
    convenience init(inOrder lanes: Range<Int>, pieces: [Range<Int>]) {
        let steps: [Step] = lanes.map { $0 == lanes.lowerBound ? (0, []) : (1, [LaneFold(left: 0, right: 1)]) }
        self.init(lanes: lanes, cover: [lanes], pieces: pieces, steps: steps, memory: nil)
    }

    private init(
        lanes: Range<Int>, cover: [Range<Int>], pieces: [Range<Int>], steps: [Step],
        memory: UnsafeMutablePointer<Element>?
    ) {
        precondition(!lanes.isEmpty && !pieces.isEmpty, "lanes \(lanes), \(pieces.count) pieces")
        self.lanes = lanes
        self.cover = cover
        self.pieces = pieces
        self.steps = steps
        fed = pieces.map { _ in 0 }
        slotCount = Self.slotCount(steps)
        ownsSlots = memory == nil
        let count = pieces.last?.upperBound ?? 0
        let stride = Self.stride(count: count)
        let base = memory ?? .allocate(capacity: slotCount * stride)
        // Numbers in the gaps too, since messages take them along.
        base.initialize(repeating: 0, count: slotCount * stride)
        let slots = LaneSlots(base: base, stride: stride, count: count)
        self.slots = slots
        parts = pieces.map { slots.part($0) }
    }

    deinit { if ownsSlots { slots.base.deallocate() } }

    /// The number of elements of each partial result, with the gaps between its pieces.
    public var count: Int { slots.count }

    /// Starts a new sum of a piece.
    public func begin(piece: Int = 0) { fed[piece] = 0 }

    /// The lane whose partial result of a piece is due; the end of the lanes after the last one.
    func due(piece: Int) -> Int { lanes.lowerBound + fed[piece] }

    /// The buffer that the next lane's partial result is to be written to, all of it; what it holds is undefined.
    public func next(piece: Int = 0) -> UnsafeMutableBufferPointer<Element> {
        precondition(fed[piece] < steps.count, "all lanes \(lanes) are fed")
        let part = parts[piece]
        return UnsafeMutableBufferPointer(start: part.slot(steps[fed[piece]].slot), count: part.count)
    }

    /// Takes the partial result that was written to the buffer.
    public func commit(piece: Int = 0) {
        precondition(fed[piece] < steps.count, "all lanes \(lanes) are fed")
        fed[piece] += 1
        // The additions after the last lane wait: their result may be wanted elsewhere.
        if fed[piece] < steps.count { parts[piece].fold(steps[fed[piece] - 1].folds) }
    }

    /// Does the last additions: the values of the cover's nodes then stand in the first slots; or, with `result`, where
    /// the cover is one node (a rank that holds all lanes), its value stands there.
    public func complete(into result: UnsafeMutablePointer<Element>? = nil) {
        precondition(result == nil || cover.count == 1, "the lanes \(lanes) are \(cover.count) nodes")
        for piece in parts.indices {
            precondition(fed[piece] == steps.count, "\(fed[piece]) of the lanes \(lanes) are fed")
            parts[piece].fold(
                steps[steps.count - 1].folds, into: result.map { $0 + pieces[piece].lowerBound })
        }
    }

    /// The value of the cover's node `index`, after `complete()`.
    public func value(_ index: Int) -> UnsafeBufferPointer<Element> {
        precondition(index < cover.count, "node \(index) of \(cover.count)")
        return UnsafeBufferPointer(start: slots.slot(index), count: count)
    }
}
