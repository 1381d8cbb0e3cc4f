internal import COpenMPI

/// How the values of the ranks become one.
public enum ReduceOperation: Sendable {
    /// Their sum. Of floating-point numbers the order, and so the last bits, are MPI's choice: exact sums are
    /// `LaneReduction`'s business.
    case sum
    /// The largest.
    case max
    /// The smallest.
    case min

    var handle: MPI_Op {
        switch self {
        case .sum: mpi_sum()
        case .max: mpi_max()
        case .min: mpi_min()
        }
    }
}

extension Communicator {
    /// Replaces each element of `values` by its sum, maximum or minimum over the ranks (MPI 3.1, section 5.9).
    /// Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this, with equal counts.
    public func allReduce<Element: ReducibleElement>(
        _ values: UnsafeMutableBufferPointer<Element>, _ operation: ReduceOperation
    ) throws {
        if let short, values.count * MemoryLayout<Element>.stride <= ShortReduction.limit {
            return try short.reduce(values, operation)
        }
        var pending = try startAllReduce(values, operation)
        try pending.wait()
    }

    /// The sum, maximum or minimum of one value over the ranks. Allocates nothing.
    ///
    /// Collective: every rank of the communicator calls this.
    public func allReduce<Element: ReducibleElement>(_ value: Element, _ operation: ReduceOperation) throws -> Element {
        var value = value
        try withUnsafeMutablePointer(to: &value) {
            try allReduce(UnsafeMutableBufferPointer(start: $0, count: 1), operation)
        }
        return value
    }
}
