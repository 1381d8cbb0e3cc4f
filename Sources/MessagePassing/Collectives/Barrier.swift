internal import COpenMPI

extension Communicator {
    /// Waits until every rank is here (MPI 3.1, section 5.3).
    ///
    /// Collective: every rank of the communicator calls this.
    public func barrier() throws {
        guard worldSize > 1 else { return }
        if let rehearsal { return rehearsal.note(other: "MPI_Ibarrier") }
        try complete("MPI_Ibarrier") { MPI_Ibarrier(handle, $0) }
    }
}
