internal import COpenMPI

/// A collective under way, or none (MPI 3.1, section 5.12). Until it is done, its memory is MPI's: what it reads may
/// not be written, what it writes may not be looked at, and its counts and displacements stay.
///
/// All ranks begin the collectives of one communicator in the same order, those under way and those that wait alike.
/// Who begins one when it happens to be possible therefore needs a communicator of its own, see
/// `Communicator.duplicate`.
public struct PendingCollective: ~Copyable {
    /// One of the two collectives that may be under way as one.
    private enum Part {
        case none
        /// MPI's own.
        case request(MPI_Request?)
        case gather(PendingGather)
        /// One that is but noted.
        case rehearsed(number: Int, Rehearsal)
    }

    private var first: Part
    private var second: Part

    private init(_ first: Part, _ second: Part = .none) { (self.first, self.second) = (first, second) }

    /// None: done.
    public init() { self.init(.none) }

    /// Two collectives as one, which is done when both are. Neither is two itself.
    public init(_ first: consuming PendingCollective, _ second: consuming PendingCollective) {
        precondition(!first.isTwo && !second.isTwo, "more than two collectives under way as one")
        self.init(first.first, second.first)
    }

    init(rehearsed number: Int, in rehearsal: Rehearsal) { self.init(.rehearsed(number: number, rehearsal)) }

    init(_ gather: PendingGather) { self.init(.gather(gather)) }

    init(_ function: StaticString, _ start: (UnsafeMutablePointer<MPI_Request?>) -> Int32) throws {
        var request: MPI_Request? = mpi_request_null()
        try check(start(&request), function)
        self.init(.request(request))
    }

    /// Lets MPI go on with it, and returns whether it is done. Local.
    public mutating func test() throws -> Bool {
        let isFirstDone = try Self.test(&first)
        return try Self.test(&second) && isFirstDone
    }

    private static func test(_ part: inout Part) throws -> Bool {
        switch part {
        case .none: return true
        case .request(var request):
            guard try isDone(&request) else { return false }
        case .gather(var gather):
            let isDone = try gather.test()
            part = .gather(gather)
            guard isDone else { return false }
        case .rehearsed(let number, let rehearsal):
            guard rehearsal.isWaiting else { return false }
            rehearsal.note(.end(number: number))
        }
        part = .none
        return true
    }

    /// Waits until it is done: until every rank has begun it. The core goes to others meanwhile.
    public mutating func wait() throws {
        guard let rehearsal else { return try MessagePassing.wait { try test() } }
        try rehearsal.wait { _ = try test() }
    }

    private var isTwo: Bool { if case .none = second { false } else { true } }

    private var rehearsal: Rehearsal? {
        if case .rehearsed(_, let rehearsal) = first { return rehearsal }
        if case .rehearsed(_, let rehearsal) = second { return rehearsal }
        return nil
    }
}

extension Communicator {
    /// `allReduce`, under way.
    ///
    /// Collective: every rank of the communicator calls this, with equal counts.
    public func startAllReduce<Element: ReducibleElement>(
        _ values: UnsafeMutableBufferPointer<Element>, _ operation: ReduceOperation
    ) throws -> PendingCollective {
        let count = messageCount(values.count)
        if let rehearsal { return rehearsal.begin(.allReduce(bytes: values.count * MemoryLayout<Element>.stride)) }
        guard worldSize > 1 else { return PendingCollective() }
        return try PendingCollective("MPI_Iallreduce") {
            MPI_Iallreduce(
                mpi_in_place(), values.baseAddress, count, Element.datatype, operation.handle, handle, $0)
        }
    }

    /// `allGather` in place, under way.
    ///
    /// Collective: every rank of the communicator calls this.
    package func startAllGather<Element: MessageElement>(
        inPlace buffer: UnsafeMutablePointer<Element>, _ layout: BlockLayout
    ) throws -> PendingCollective {
        precondition(layout.counts.count == worldSize, "\(layout.counts.count) blocks of \(worldSize) ranks")
        if let rehearsal { return rehearsal.begin(.allGather(bytes: bytes(layout.counts, of: Element.self))) }
        guard worldSize > 1 else { return PendingCollective() }
        guard GatherRounds.isDirect(ranks: worldSize) else {
            return PendingCollective(try PendingGather(buffer, .listed(layout), on: self))
        }
        return try PendingCollective("MPI_Iallgatherv") {
            MPI_Iallgatherv(
                mpi_in_place(), 0, Element.datatype, buffer, layout.counts, layout.displacements, Element.datatype,
                handle, $0)
        }
    }

    /// Begins to send a block to each rank and to receive one from each (MPI 3.1, sections 5.8 and 5.12). What rank r
    /// sends to s is what s expects of r.
    ///
    /// Collective: every rank of the communicator calls this.
    public func startAllToAll<Element: MessageElement>(
        _ sent: UnsafePointer<Element>, counts: [Int32], displacements: [Int32],
        into received: UnsafeMutablePointer<Element>, counts receivedCounts: [Int32],
        displacements receivedDisplacements: [Int32]
    ) throws -> PendingCollective {
        requireLayout(counts, displacements, own: Int(receivedCounts[rank]))
        requireLayout(receivedCounts, receivedDisplacements, own: Int(counts[rank]))
        if let rehearsal {
            return rehearsal.begin(
                .allToAll(
                    sent: bytes(counts, of: Element.self), received: bytes(receivedCounts, of: Element.self)))
        }
        guard worldSize > 1 else {
            let block = UnsafeBufferPointer(start: sent + Int(displacements[0]), count: Int(counts[0]))
            copy(block, to: received + Int(receivedDisplacements[0]))
            return PendingCollective()
        }
        return try PendingCollective("MPI_Ialltoallv") {
            MPI_Ialltoallv(
                sent, counts, displacements, Element.datatype, received, receivedCounts, receivedDisplacements,
                Element.datatype, handle, $0)
        }
    }
}

/// The bytes of so many elements each.
private func bytes<Element>(_ counts: [Int32], of type: Element.Type) -> [Int] {
    counts.map { Int($0) * MemoryLayout<Element>.stride }
}
