internal import COpenMPI

extension Communicator {
    /// Collects each rank's `block`, all of equal size, in rank order into `received`, which has room for `worldSize`
    /// blocks, at every rank (MPI 3.1, section 5.7). Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    public func allGather<Element: MessageElement>(
        _ block: UnsafeBufferPointer<Element>, into received: UnsafeMutablePointer<Element>
    ) throws {
        if let rehearsal {
            for other in 0..<worldSize { copy(block, to: received + other * block.count) }
            return rehearsal.note(other: "MPI_Iallgather")
        }
        let count = messageCount(block.count)
        guard worldSize > 1 else { return copy(block, to: received) }
        guard GatherRounds.isDirect(ranks: worldSize) else {
            copy(block, to: received + rank * block.count)
            var pending = PendingCollective(try PendingGather(received, .equal(count), on: self))
            return try pending.wait()
        }
        try complete("MPI_Iallgather") {
            MPI_Iallgather(block.baseAddress, count, Element.datatype, received, count, Element.datatype, handle, $0)
        }
    }

    /// Collects the blocks of all ranks at every rank, where this rank's own block already stands at its place in
    /// `buffer`. Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    package func allGather<Element: MessageElement>(
        inPlace buffer: UnsafeMutablePointer<Element>, _ layout: BlockLayout
    ) throws {
        var pending = try startAllGather(inPlace: buffer, layout)
        try pending.wait()
    }

    /// Collects one value of each rank, in rank order.
    ///
    /// Collective: every rank of the communicator calls this.
    public func allGather<Element: BitwiseCopyable>(_ value: Element) throws -> [Element] {
        var value = value
        let count = messageCount(MemoryLayout<Element>.size)
        let bytes = try [UInt8](unsafeUninitializedCapacity: worldSize * Int(count)) { buffer, initialised in
            try withUnsafeMutableBytes(of: &value) { block in
                let block = UnsafeRawBufferPointer(block).bindMemory(to: UInt8.self)
                if let room = buffer.baseAddress { try allGather(block, into: room) }
            }
            initialised = worldSize * Int(count)
        }
        return bytes.withUnsafeBytes { bytes in
            (0..<worldSize).map { bytes.loadUnaligned(fromByteOffset: $0 * Int(count), as: Element.self) }
        }
    }

    /// Collects the arrays of all ranks, of any lengths: one array for each rank.
    ///
    /// Collective: every rank of the communicator calls this.
    public func allGather<Element: BitwiseCopyable>(_ array: [Element]) throws -> [[Element]] {
        if let rehearsal {
            rehearsal.note(other: "MPI_Iallgatherv")
            return Array(repeating: array, count: worldSize)
        }
        let layout = BlockLayout(counts: try allGather(array.count * MemoryLayout<Element>.stride))
        let bytes = try array.withUnsafeBytes { block in
            try [UInt8](unsafeUninitializedCapacity: max(layout.total, 1)) { buffer, initialised in
                if let room = buffer.baseAddress {
                    copy(block.bindMemory(to: UInt8.self), to: room + Int(layout.displacements[rank]))
                    try allGather(inPlace: room, layout)
                }
                initialised = layout.total
            }
        }
        return layout.split(bytes)
    }

    /// Collects one text of each rank, in rank order.
    ///
    /// Collective: every rank of the communicator calls this.
    public func allGather(_ text: String) throws -> [String] {
        try allGather(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
}
