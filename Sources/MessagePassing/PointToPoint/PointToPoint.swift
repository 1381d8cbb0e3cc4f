internal import COpenMPI
import Foundation

/// The tag of `transfer`; tasks have others.
private let transferTag: Int32 = 76

extension Communicator {
    /// Microseconds between two looks for a message: nothing beside a task's time.
    private static var nap: UInt32 { 200 }

    /// The bytes of one message at most, since MPI's counts have 31 bits.
    private static var piece: Int { 1 << 28 }

    /// Copies the bytes of one rank, any number of them, into those of another. Nothing is done where both are this
    /// rank.
    ///
    /// Those two ranks call this, in the same order where there are several.
    public func transfer(_ bytes: UnsafeMutableRawBufferPointer, from source: Int, to target: Int) throws {
        precondition(rank == source || rank == target, "rank \(rank) in a transfer from \(source) to \(target)")
        guard source != target else { return }
        // Both know the size: where it is 0, nothing is sent.
        for start in stride(from: 0, to: bytes.count, by: Self.piece) {
            let place = bytes.baseAddress.map { $0 + start }
            let count = messageCount(min(Self.piece, bytes.count - start))
            if rank == source {
                try complete("MPI_Isend") {
                    MPI_Isend(place, count, mpi_byte(), Int32(target), transferTag, handle, $0)
                }
            } else {
                try complete("MPI_Irecv") {
                    MPI_Irecv(place, count, mpi_byte(), Int32(source), transferTag, handle, $0)
                }
            }
        }
    }

    /// Sends bytes to a rank, which receives them by `transfer` or `receive(_:from:)`.
    public func transfer(_ bytes: UnsafeRawBufferPointer, to target: Int) throws {
        // A sender's bytes are only read.
        try transfer(UnsafeMutableRawBufferPointer(mutating: bytes), from: rank, to: target)
    }

    /// Receives so many bytes from a rank.
    public func receive(_ count: Int, from source: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try transfer($0, from: source, to: rank) }
        return bytes
    }

    /// Sends bytes to a rank and returns at once; the message owns them until it is out. Local.
    func send(_ bytes: [UInt8], to rank: Int, tag: Int32) throws -> PendingMessage {
        try PendingMessage(bytes, to: rank, tag: tag, handle)
    }

    /// True where a message with this tag has arrived. Local.
    func hasArrived(tag: Int32) throws -> Bool { try arrival(from: nil, tag: tag) != nil }

    /// Gives MPI time for messages under way. Local.
    func letMessagesGoOn() throws { _ = try arrival(from: nil, tag: transferTag) }

    private func arrival(from rank: Int?, tag: Int32) throws -> MPI_Status? {
        var flag: Int32 = 0
        var status = MPI_Status()
        let source = rank.map(Int32.init) ?? Int32(MPI_ANY_SOURCE)
        try check(MPI_Iprobe(source, tag, handle, &flag, &status), "MPI_Iprobe")
        return flag != 0 ? status : nil
    }

    /// Waits for the next message with this tag, from `rank` or, if nil, from anybody. It naps between looks, where MPI
    /// would keep the core busy: the ranks that still work may need it.
    func receive(from rank: Int? = nil, tag: Int32) throws -> (rank: Int, bytes: [UInt8]) {
        var status = try Progress.waiting {
            while true {
                if let status = try arrival(from: rank, tag: tag) { return status }
                usleep(Self.nap)
            }
        }
        var count: Int32 = 0
        try check(MPI_Get_count(&status, mpi_byte(), &count), "MPI_Get_count")
        let sender = status.MPI_SOURCE
        let bytes = try [UInt8](unsafeUninitializedCapacity: max(Int(count), 1)) { buffer, filled in
            try complete("MPI_Irecv") { MPI_Irecv(buffer.baseAddress, count, mpi_byte(), sender, tag, handle, $0) }
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

    /// True where it is out.
    var isOut: Bool { request == mpi_request_null() }

    /// Lets MPI go on with it. Local.
    func poll() throws {
        var done: Int32 = 0
        try check(MPI_Test(&request, &done, nil), "MPI_Test")
    }

    /// Waits until it is out.
    func finish() throws { try wait { try isDone(&request) } }

    deinit {
        // After an error of MPI the message may still be under way; the memory is then left to it.
        if isOut { bytes.deallocate() }
    }
}
