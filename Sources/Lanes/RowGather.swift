import MessagePassing

/// Gathers the rows that the lanes made, of a matrix with one row for each sample of the batch, at every rank.
///
/// Used to form the gradient of a fully connected layer from its factors: they are smaller than the lanes' partial
/// gradients. The layout is set once, and again for a short batch; nothing is allocated after the start.
public final class RowGather<Element: MessageElement> {
    /// The number of elements of a row.
    public let columns: Int
    /// This rank's lanes.
    public let lanes: Range<Int>

    private let communicator: Communicator
    private let deal: LaneDeal
    /// The first row of each lane, and the number of rows of all.
    private var starts: [Int]
    private var counts: [Int32]
    private var displacements: [Int32]

    /// Prepares for rows of `columns` elements and a deal of lanes to all ranks; `setRows` has to follow. Local.
    public init(_ communicator: Communicator, deal: LaneDeal, columns: Int) {
        precondition(columns > 0, "\(columns) columns")
        precondition(deal.ranks == communicator.worldSize, "a deal to \(deal.ranks) ranks")
        self.communicator = communicator
        self.columns = columns
        self.deal = deal
        lanes = deal[communicator.rank]
        starts = Array(repeating: 0, count: deal.lanes + 1)
        counts = Array(repeating: 0, count: communicator.worldSize)
        displacements = counts
    }

    /// Sets the number of rows of each lane. Local, but all ranks have to give the same numbers.
    public func setRows(_ rows: (_ lane: Int) -> Int) {
        for lane in 0..<deal.lanes {
            let count = rows(lane)
            precondition(count >= 0, "lane \(lane) has \(count) rows")
            starts[lane + 1] = starts[lane] + count
        }
        _ = messageCount(starts[deal.lanes] * columns)
        for rank in 0..<communicator.worldSize {
            let own = deal[rank]
            displacements[rank] = Int32(starts[own.lowerBound] * columns)
            counts[rank] = Int32(starts[own.upperBound] * columns) - displacements[rank]
        }
    }

    /// The number of rows of all lanes.
    public var rows: Int { starts[deal.lanes] }

    /// The rows of one lane in the gathered matrix.
    public func rows(ofLane lane: Int) -> Range<Int> { starts[lane]..<starts[lane + 1] }

    /// Writes the rows of this rank's lanes, one after another in `block`, where they belong in the gathered matrix. Local.
    public func place(_ block: UnsafePointer<Element>, into matrix: UnsafeMutablePointer<Element>) {
        (matrix + Int(displacements[communicator.rank])).update(from: block, count: Int(counts[communicator.rank]))
    }

    /// Begins to gather the blocks of all ranks in lane order. `setRows` may not be called before it is done.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - block: the rows of this rank's lanes, one after another.
    ///   - matrix: `rows` x `columns`, written whole.
    public func start(
        _ block: UnsafePointer<Element>, into matrix: UnsafeMutablePointer<Element>
    ) throws -> PendingCollective {
        try communicator.startAllGather(
            UnsafeBufferPointer(start: block, count: Int(counts[communicator.rank])), into: matrix, counts: counts,
            displacements: displacements)
    }
}
