extension Communicator {
    /// Rank 0's memory at every rank of a host, mapped by the others, to be written too where that is wanted and it was
    /// made so. A rank that cannot see it has the reason instead; rank 0 keeps its memory until all have answered.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameter made: the memory, on rank 0, or nil where it could not be taken.
    /// - Throws: `Failure` 74 when MPI fails.
    public func share(_ made: SharedMemory?, writable: Bool = false) throws -> Result<SharedMemory, any Error> {
        let place = try broadcast(made?.place ?? SharedMemory.Place())
        return Result { try made ?? SharedMemory(at: place, writable: writable) }
    }

    /// Memory of `count` bytes, all 0, that all ranks of a host write and read; nil, at all of them, where they cannot,
    /// or the host has no room for it.
    ///
    /// Collective: every rank of the communicator calls this.
    func shareMemory(_ count: Int) throws -> SharedMemory? {
        let made = rank == 0 ? try? SharedMemory(writable: count) : nil
        let shared = try share(made, writable: true)
        let memory = try? shared.get()
        let isShared = try withExtendedLifetime(made) { try allReduce(Int32(memory == nil ? 0 : 1), .min) == 1 }
        memory?.closePlace()
        return isShared ? memory : nil
    }
}
