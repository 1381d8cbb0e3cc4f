import MessagePassing

/// Which MPI carries the messages, and how.
enum MPICheck: Check {
    static let name = "MPI"

    static func examine(_ job: Examination) throws -> Finding {
        let versions = try job.world.allGather(MPILibrary.version)
        let transports = try job.world.allGather(MPILibrary.transports.joined(separator: "; "))
        var finding = Finding()
        job.tell(versions).forEach { finding.add($0) }
        if job.world.worldSize == 1 {
            finding.add("one process alone: no messages; under mpirun more is checked")
        } else {
            job.tell(transports).forEach { finding.add($0.isEmpty ? "transport unknown: linked in" : $0) }
        }
        if Set(versions).count > 1 {
            finding.complain(.fail, "the hosts have different MPI libraries: install the same one on all")
        }
        return finding
    }
}
