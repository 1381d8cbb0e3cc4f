internal import COpenMPI

/// The tag of `transfer`; dealing tasks has others.
private let transferTag: Int32 = 76

extension Communicator {
    /// Copies the bytes of one rank into those of another, of equal size. Nothing is done where both are this rank.
    ///
    /// Those two ranks call this, in the same order where there are several.
    public func transfer(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) throws {
        precondition(rank == source || rank == target, "rank \(rank) in a transfer from \(source) to \(target)")
        guard source != target else { return }
        let count = messageCount(bytes.count)
        if rank == source {
            return try wait(
                MPI_Send(bytes.baseAddress, count, mpi_byte(), Int32(target), transferTag, handle), "MPI_Send")
        }
        var status = MPI_Status()
        try wait(
            MPI_Recv(bytes.baseAddress, count, mpi_byte(), Int32(source), transferTag, handle, &status), "MPI_Recv")
    }

    /// Sends bytes to a rank and returns at once; the message owns them until it is out. Local.
    func send(_ bytes: [UInt8], to rank: Int, tag: Int32) throws -> PendingMessage {
        try PendingMessage(bytes, to: rank, tag: tag, handle)
    }

    /// The rank of a message with this tag that has arrived, or nil. Local.
    func arrival(tag: Int32) throws -> Int? {
        var flag: Int32 = 0
        var status = MPI_Status()
        try check(MPI_Iprobe(Int32(MPI_ANY_SOURCE), tag, handle, &flag, &status), "MPI_Iprobe")
        return flag != 0 ? Int(status.MPI_SOURCE) : nil
    }

    /// Waits for the next message with this tag, from `rank` or, if nil, from anybody.
    func receive(from rank: Int? = nil, tag: Int32) throws -> (rank: Int, bytes: [UInt8]) {
        var status = MPI_Status()
        let source = rank.map(Int32.init) ?? Int32(MPI_ANY_SOURCE)
        try wait(MPI_Probe(source, tag, handle, &status), "MPI_Probe")
        var count: Int32 = 0
        try check(MPI_Get_count(&status, mpi_byte(), &count), "MPI_Get_count")
        let sender = status.MPI_SOURCE
        let bytes = try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            try wait(
                MPI_Recv(buffer.baseAddress, count, mpi_byte(), sender, tag, handle, &status), "MPI_Recv")
            filled = Int(count)
        }
        return (Int(sender), bytes)
    }
}

/// A message on its way; its memory stays until it is out.
final class PendingMessage {
    private var request: MPI_Request? = mpi_request_null()
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    fileprivate init(_ content: [UInt8], to rank: Int, tag: Int32, _ handle: OpaquePointer?) throws {
        bytes = .allocate(capacity: content.count)
        _ = bytes.initialize(from: content)
        try check(
            MPI_Isend(bytes.baseAddress, messageCount(bytes.count), mpi_byte(), Int32(rank), tag, handle, &request),
            "MPI_Isend")
    }

    /// Whether it is out.
    var isOut: Bool { request == mpi_request_null() }

    /// Lets MPI go on with it. Local.
    func poll() throws {
        var done: Int32 = 0
        try check(MPI_Test(&request, &done, nil), "MPI_Test")
    }

    /// Waits until it is out.
    func finish() throws { try wait(MPI_Wait(&request, nil), "MPI_Wait") }

    deinit {
        // After an error of MPI the message may still be under way; the memory is then left to it.
        if isOut { bytes.deallocate() }
    }
}
