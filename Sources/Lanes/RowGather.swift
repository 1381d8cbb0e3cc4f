import MessagePassing

/// Gathers the rows that the lanes made, of a matrix with one row for each sample of the batch, on every host.
///
/// Used to form the gradient of a fully connected layer from its factors: they are smaller than the lanes' partial
/// gradients. The layout is set once, and again for a short batch; nothing is allocated after the start.
public final class RowGather<Element: MessageElement> {
    /// The number of elements of a row.
    public let columns: Int
    /// This rank's lanes.
    public let lanes: Range<Int>

    private let assignment: LaneAssignment
    /// The lanes of each host.
    private let hostLanes: [Range<Int>]
    /// The first row of each lane, and the number of rows of all.
    private var starts: [Int]
    /// The block of each host.
    private var layout: BlockLayout

    /// Prepares for rows of `columns` elements and lanes of all ranks; `setRows` has to follow. Local.
    public init(_ groups: HostGroups, _ assignment: LaneAssignment, columns: Int) {
        precondition(columns > 0, "\(columns) columns")
        precondition(assignment.ranks == groups.world.worldSize, "lanes for \(assignment.ranks) ranks")
        self.columns = columns
        self.assignment = assignment
        lanes = assignment[groups.world.rank]
        hostLanes = (0..<groups.count).map { assignment.lanes(of: groups.ranks(ofHost: $0)) }
        starts = Array(repeating: 0, count: assignment.lanes + 1)
        layout = BlockLayout(counts: Array(repeating: 0, count: groups.count))
    }

    /// Sets the number of rows of each lane. Local, but all ranks have to give the same numbers.
    public func setRows(_ rows: (_ lane: Int) -> Int) {
        for lane in 0..<assignment.lanes {
            let count = rows(lane)
            precondition(count >= 0, "lane \(lane) has \(count) rows")
            starts[lane + 1] = starts[lane] + count
        }
        precondition(
            starts[assignment.lanes] * columns <= Int(Int32.max),
            "\(starts[assignment.lanes]) rows of \(columns) elements")
        layout.set { (starts[hostLanes[$0].upperBound] - starts[hostLanes[$0].lowerBound]) * columns }
    }

    /// The number of rows of all lanes.
    public var rows: Int { starts[assignment.lanes] }

    /// The rows of one lane in the gathered matrix.
    public func rows(ofLane lane: Int) -> Range<Int> { starts[lane]..<starts[lane + 1] }

    /// Writes the rows of this rank's lanes, one after another in `block`, where they belong in the gathered matrix.
    /// Local.
    public func place(_ block: UnsafePointer<Element>, into matrix: UnsafeMutablePointer<Element>) {
        let (first, end) = (starts[lanes.lowerBound], starts[lanes.upperBound])
        (matrix + first * columns).update(from: block, count: (end - first) * columns)
    }

    /// Begins to gather the rows of all hosts, where each has its own in the matrix of `rows` x `columns`. `setRows`
    /// may not be called before it is done.
    ///
    /// Collective: the first rank of each host calls this.
    public func start(_ matrix: UnsafeMutablePointer<Element>, on link: Communicator) throws -> PendingCollective {
        try link.startAllGather(inPlace: matrix, layout)
    }
}
