internal import COpenMPI

extension Communicator {
    /// Collects each rank's `block`, all of equal size, in rank order at rank `root` into `received`, which has room
    /// for `worldSize` blocks and is looked at on the root alone (MPI 3.1, section 5.5). Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    public func gather<Element: MessageElement>(
        _ block: UnsafeBufferPointer<Element>, into received: UnsafeMutablePointer<Element>?, to root: Int = 0
    ) throws {
        precondition(0 <= root && root < worldSize, "root \(root) of \(worldSize) ranks")
        precondition(rank != root || received != nil, "the root of a gather has no room to receive into")
        let count = messageCount(block.count)
        guard worldSize > 1 else { return copy(block, to: received) }
        try complete("MPI_Igather") {
            MPI_Igather(
                block.baseAddress, count, Element.datatype, received, count, Element.datatype, Int32(root), handle, $0)
        }
    }

    /// Collects the blocks of all ranks at rank `root`, rank r's `counts[r]` elements at `displacements[r]`. Allocates
    /// nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - block: this rank's `counts[rank]` elements.
    ///   - received: room for all blocks; this and the two arrays are looked at on the root alone.
    ///   - counts: the elements of each rank's block.
    ///   - displacements: where each rank's block begins in `received`, in elements.
    ///   - root: the same on all ranks.
    public func gather<Element: MessageElement>(
        _ block: UnsafeBufferPointer<Element>, into received: UnsafeMutablePointer<Element>?, counts: [Int32],
        displacements: [Int32], to root: Int = 0
    ) throws {
        precondition(0 <= root && root < worldSize, "root \(root) of \(worldSize) ranks")
        if rank == root {
            precondition(received != nil, "the root of a gather has no room to receive into")
            requireLayout(counts, displacements, own: block.count)
        }
        guard worldSize > 1 else { return copy(block, to: received?.advanced(by: Int(displacements[0]))) }
        let count = messageCount(block.count)
        try complete("MPI_Igatherv") {
            MPI_Igatherv(
                block.baseAddress, count, Element.datatype, received, counts, displacements, Element.datatype,
                Int32(root), handle, $0)
        }
    }

    /// Collects the arrays of all ranks, of any lengths, at rank `root`: one array for each rank there, nil elsewhere.
    ///
    /// Collective: every rank of the communicator calls this.
    public func gather<Element: BitwiseCopyable>(_ array: [Element], to root: Int = 0) throws -> [[Element]]? {
        let size = MemoryLayout<Element>.stride
        let counts = try allGather(array.count * size)
        let layout = BlockLayout(counts: counts)
        let bytes = try array.withUnsafeBytes { block in
            try [UInt8](unsafeUninitializedCapacity: rank == root ? layout.total : 1) { buffer, initialised in
                try gather(
                    block.bindMemory(to: UInt8.self), into: buffer.baseAddress, counts: layout.counts,
                    displacements: layout.displacements, to: root)
                initialised = rank == root ? layout.total : 0
            }
        }
        return rank == root ? layout.split(bytes) : nil
    }
}

/// Copies a rank's own block to where a collective of one rank leaves it.
func copy<Element: BitwiseCopyable>(_ block: UnsafeBufferPointer<Element>, to place: UnsafeMutablePointer<Element>?) {
    guard let place, let source = block.baseAddress, UnsafePointer(place) != source else { return }
    place.update(from: source, count: block.count)
}

extension Communicator {
    func requireLayout(_ counts: [Int32], _ displacements: [Int32], own: Int) {
        precondition(
            counts.count == worldSize && displacements.count == worldSize,
            "\(counts.count) counts and \(displacements.count) displacements for \(worldSize) ranks")
        precondition(Int(counts[rank]) == own, "rank \(rank) sends \(own) elements where \(counts[rank]) are expected")
    }
}
