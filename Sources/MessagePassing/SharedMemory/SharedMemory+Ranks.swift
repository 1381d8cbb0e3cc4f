import Foundation

extension Communicator {
    /// Whether all ranks can share memory: they run on one host, in one container, and none was told not to, by
    /// `STEADFAST_SHARED_MEMORY=off` in its environment.
    ///
    /// Collective: every rank of the communicator calls this.
    public func canShareMemory() throws -> Bool {
        guard worldSize > 1 else { return true }
        let node = try splitByNode()
        let ranks = node.worldSize
        try node.finish()
        let isOff = ProcessInfo.processInfo.environment["STEADFAST_SHARED_MEMORY"] == "off"
        guard try allReduce(Int32(ranks == worldSize && !isOff ? 1 : 0), .min) == 1 else { return false }
        return try shareMemory(1) != nil
    }

    /// Memory of `count` bytes, all 0, that all ranks write and read, where they can (`canShareMemory`); nil, at all of them, where
    /// the host has no room for it.
    ///
    /// Collective: every rank of the communicator calls this.
    func shareMemory(_ count: Int) throws -> SharedMemory? {
        let made = rank == 0 ? try? SharedMemory(writable: count) : nil
        let place = try broadcast(made?.place ?? SharedMemory.Place())
        let memory = made ?? (try? SharedMemory(at: place, writable: true))
        let isShared = try withExtendedLifetime(made) { try allReduce(Int32(memory == nil ? 0 : 1), .min) == 1 }
        memory?.closePlace()
        return isShared ? memory : nil
    }
}
