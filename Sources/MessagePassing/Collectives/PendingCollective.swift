internal import COpenMPI

/// A collective under way, or none (MPI 3.1, section 5.12). Until it is done, its memory is MPI's: what it reads may
/// not be written, what it writes may not be looked at, and its counts and displacements stay.
///
/// All ranks begin the collectives of one communicator in the same order, those under way and those that wait alike.
/// Who begins one when it happens to be possible therefore needs a communicator of its own, see
/// `Communicator.duplicate`.
public struct PendingCollective: ~Copyable {
    private var request: MPI_Request? = mpi_request_null()
    private var second: MPI_Request? = mpi_request_null()
    /// Those that are but noted.
    private var rehearsed: (numbers: [Int], rehearsal: Rehearsal)?

    /// None: done.
    public init() {}

    /// Two that are one, which is done when both are.
    public init(_ first: consuming PendingCollective, _ second: consuming PendingCollective) {
        request = first.request
        self.second = second.request
        rehearsed = first.rehearsed
        if let other = second.rehearsed { rehearsed = ((rehearsed?.numbers ?? []) + other.numbers, other.rehearsal) }
    }

    /// One that is but noted.
    init(rehearsed number: Int, in rehearsal: Rehearsal) { rehearsed = ([number], rehearsal) }

    init(_ function: StaticString, _ start: (UnsafeMutablePointer<MPI_Request?>) -> Int32) throws {
        try check(start(&request), function)
    }

    /// Lets MPI go on with it, and returns whether it is done. Local.
    public mutating func test() throws -> Bool {
        if let rehearsal = rehearsed?.rehearsal {
            if rehearsal.isWaiting { try wait() }
            return rehearsal.isWaiting
        }
        let isFirstDone = try isDone(&request)
        return try isDone(&second) && isFirstDone
    }

    /// Waits until it is done: until every rank has begun it. The core goes to others meanwhile.
    public mutating func wait() throws {
        if let (numbers, rehearsal) = rehearsed {
            for number in numbers { rehearsal.note(.end(number: number)) }
            rehearsed = nil
        }
        if request != mpi_request_null() { try MessagePassing.wait(for: &request) }
        if second != mpi_request_null() { try MessagePassing.wait(for: &second) }
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

    /// `allGather` of blocks of different sizes, under way.
    ///
    /// Collective: every rank of the communicator calls this.
    public func startAllGather<Element: MessageElement>(
        _ block: UnsafeBufferPointer<Element>, into received: UnsafeMutablePointer<Element>, counts: [Int32],
        displacements: [Int32]
    ) throws -> PendingCollective {
        requireLayout(counts, displacements, own: block.count)
        if let rehearsal {
            for (count, start) in zip(counts, displacements) where count <= block.count {
                copy(UnsafeBufferPointer(rebasing: block[..<Int(count)]), to: received + Int(start))
            }
            return rehearsal.begin(.allGather(bytes: bytes(counts, of: Element.self)))
        }
        guard worldSize > 1 else {
            copy(block, to: received + Int(displacements[0]))
            return PendingCollective()
        }
        return try PendingCollective("MPI_Iallgatherv") {
            MPI_Iallgatherv(
                block.baseAddress, messageCount(block.count), Element.datatype, received, counts, displacements,
                Element.datatype, handle, $0)
        }
    }

    /// `allGather` in place, under way.
    ///
    /// Collective: every rank of the communicator calls this.
    public func startAllGather<Element: MessageElement>(
        inPlace buffer: UnsafeMutablePointer<Element>, counts: [Int32], displacements: [Int32]
    ) throws -> PendingCollective {
        requireLayout(counts, displacements, own: Int(counts[rank]))
        if let rehearsal { return rehearsal.begin(.allGather(bytes: bytes(counts, of: Element.self))) }
        guard worldSize > 1 else { return PendingCollective() }
        return try PendingCollective("MPI_Iallgatherv") {
            MPI_Iallgatherv(
                mpi_in_place(), 0, Element.datatype, buffer, counts, displacements, Element.datatype, handle, $0)
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
