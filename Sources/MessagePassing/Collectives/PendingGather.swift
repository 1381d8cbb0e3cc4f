internal import COpenMPI

/// The tags of gathers; other messages have lower ones.
private let gatherTags: Int32 = 1024

/// A gather under way in rounds of messages. Until it is done its memory is not to be touched.
struct PendingGather {
    /// The sizes of the ranks' blocks in elements.
    enum Blocks {
        case equal(Int32)
        case listed(BlockLayout)

        /// The elements before a block; behind the last one those of all.
        func start(_ block: Int) -> Int {
            switch self {
            case .equal(let count): block * Int(count)
            case .listed(let layout):
                block < layout.displacements.count ? Int(layout.displacements[block]) : layout.total
            }
        }
    }

    private let base: UnsafeMutableRawPointer
    private let stride: Int
    private let datatype: MPI_Datatype?
    private let blocks: Blocks
    private let rounds: GatherRounds
    private let tag: Int32
    private let handle: OpaquePointer?
    private var round = 0
    /// Of a round: what is sent and received, each in two pieces where the ring begins anew.
    private var requests: InlineArray<12, MPI_Request?>

    /// Begins a gather of all ranks' blocks, one after another, where this rank's own stands at its place.
    ///
    /// Collective: every rank of the communicator calls this.
    init<Element: MessageElement>(
        _ buffer: UnsafeMutablePointer<Element>, _ blocks: Blocks, on link: Communicator
    ) throws {
        base = UnsafeMutableRawPointer(buffer)
        stride = MemoryLayout<Element>.stride
        datatype = Element.datatype
        self.blocks = blocks
        rounds = GatherRounds(rank: link.rank, of: link.worldSize)
        tag = gatherTags + link.nextGather()
        handle = link.handle
        requests = InlineArray(repeating: mpi_request_null())
        precondition(requests.count == 4 * GatherRounds.mostMessages, "a place for each message of a round")
        try begin()
    }

    /// Lets MPI go on with it, begins the next rounds, and returns whether it is done. Local.
    mutating func test() throws -> Bool {
        while round < rounds.count {
            // Each is looked at: MPI goes on with all.
            var areDone = true
            for index in requests.indices where try !isDone(&requests[index]) { areDone = false }
            guard areDone else { return false }
            round += 1
            try begin()
        }
        return true
    }

    /// Begins the round.
    private mutating func begin() throws {
        guard round < rounds.count else { return }
        for message in 0..<rounds.messages(inRound: round) {
            let (sent, received) = rounds[round: round, message: message]
            let (arriving, leaving) = (received.pieces, sent.pieces)
            requests[4 * message] = try receive(arriving.0, from: received.other)
            requests[4 * message + 1] = try receive(arriving.1, from: received.other)
            requests[4 * message + 2] = try send(leaving.0, to: sent.other)
            requests[4 * message + 3] = try send(leaving.1, to: sent.other)
        }
    }

    private func receive(_ piece: Range<Int>, from other: Int) throws -> MPI_Request? {
        try message(piece, "MPI_Irecv") { MPI_Irecv($0, $1, datatype, Int32(other), tag, handle, $2) }
    }

    private func send(_ piece: Range<Int>, to other: Int) throws -> MPI_Request? {
        try message(piece, "MPI_Isend") { MPI_Isend($0, $1, datatype, Int32(other), tag, handle, $2) }
    }

    /// A message of these blocks; none where they hold nothing, which both ranks know.
    private func message(
        _ piece: Range<Int>, _ function: StaticString,
        _ start: (UnsafeMutableRawPointer, Int32, UnsafeMutablePointer<MPI_Request?>) -> Int32
    ) throws -> MPI_Request? {
        var request: MPI_Request? = mpi_request_null()
        let (first, end) = (blocks.start(piece.lowerBound), blocks.start(piece.upperBound))
        if first < end {
            try check(start(base + first * stride, messageCount(end - first), &request), function)
        }
        return request
    }
}
