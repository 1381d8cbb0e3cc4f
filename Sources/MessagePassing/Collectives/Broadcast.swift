internal import COpenMPI

extension Communicator {
    /// Copies the bytes of rank `root` into those of every other rank (MPI 3.1, section 5.4). The sizes are equal and
    /// at most `Int32.max`. Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int = 0) throws {
        precondition(0 <= root && root < worldSize, "root \(root) of \(worldSize) ranks")
        let count = messageCount(bytes.count)
        guard worldSize > 1 else { return }
        if let rehearsal { return rehearsal.note(other: "MPI_Ibcast") }
        try complete("MPI_Ibcast") { MPI_Ibcast(bytes.baseAddress, count, mpi_byte(), Int32(root), handle, $0) }
    }

    /// Copies one value of rank `root` to every rank.
    ///
    /// Collective: every rank of the communicator calls this.
    public func broadcast<Element: BitwiseCopyable>(_ value: Element, from root: Int = 0) throws -> Element {
        var value = value
        try withUnsafeMutableBytes(of: &value) { try broadcast($0, from: root) }
        return value
    }

    /// Returns the array of rank `root`, of any length, on every rank; what the others give does not matter.
    ///
    /// Collective: every rank of the communicator calls this.
    public func broadcast<Element: BitwiseCopyable>(_ array: [Element], from root: Int = 0) throws -> [Element] {
        let count = try broadcast(array.count, from: root)
        guard count > 0 else { return [] }
        if rank == root || rehearsal != nil {
            var array = array
            try array.withUnsafeMutableBytes { try broadcast($0, from: root) }
            return array
        }
        return try [Element](unsafeUninitializedCapacity: count) { buffer, initialised in
            let size = count * MemoryLayout<Element>.stride
            try broadcast(UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: size), from: root)
            initialised = count
        }
    }

    /// Returns the text of rank `root` on every rank.
    ///
    /// Collective: every rank of the communicator calls this.
    public func broadcast(_ text: String, from root: Int = 0) throws -> String {
        String(decoding: try broadcast(Array(text.utf8), from: root), as: UTF8.self)
    }
}
