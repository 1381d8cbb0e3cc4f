extension Communicator {
    /// Sends a block to each rank and receives one from each (MPI 3.1, section 5.8). Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this; what rank r sends to s is what s expects of r.
    ///
    /// - Parameters:
    ///   - sent: a block for each rank.
    ///   - counts: the elements of the block for each rank.
    ///   - displacements: where the block for each rank begins in `sent`, in elements.
    ///   - received: room for a block from each rank.
    ///   - receivedCounts: the elements of the block from each rank.
    ///   - receivedDisplacements: where the block from each rank begins in `received`, in elements.
    public func allToAll<Element: MessageElement>(
        _ sent: UnsafePointer<Element>, counts: [Int32], displacements: [Int32],
        into received: UnsafeMutablePointer<Element>, counts receivedCounts: [Int32],
        displacements receivedDisplacements: [Int32]
    ) throws {
        var pending = try startAllToAll(
            sent, counts: counts, displacements: displacements, into: received, counts: receivedCounts,
            displacements: receivedDisplacements)
        try pending.wait()
    }
}
