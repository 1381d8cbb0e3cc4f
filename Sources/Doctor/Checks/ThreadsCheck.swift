import Essentials
import Foundation
import Kernels

/// The check that ranks times threads fit the cores. Training tells OpenBLAS to use one thread, but the library starts
/// its threads before that.
enum ThreadsCheck: Check {
    static let name = "threads"

    static func examine(_ job: Examination) throws -> Finding {
        let environment = ProcessInfo.processInfo.environment
        let settings = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"].map { "\($0) \(environment[$0] ?? "not set")" }
        let threads = try job.world.allGather(Int64(BLAS.threads))
        let hostCores = try job.world.allGather(Int64(ProcessFacts.coreCount))
        let said = try job.world.allGather(
            "OpenBLAS started \(counted(BLAS.threads, "thread")) a rank on \(ProcessFacts.coreCount) cores, "
                + "training uses 1; " + settings.joined(separator: ", "))
        var finding = Finding()
        job.tell(said).forEach { finding.add($0) }
        for host in job.hostNames {
            let ranks = job.ranks(of: host)
            let total = ranks.reduce(0) { $0 + threads[$1] }
            if total > hostCores[ranks[0]], total > ranks.count {
                finding.complain(
                    .warn,
                    "\(total) threads on the \(hostCores[ranks[0]]) cores of \(host): export OPENBLAS_NUM_THREADS=1 "
                        + "OMP_NUM_THREADS=1 (mpirun -x passes them on)")
            }
        }
        finding.figure("most_threads_of_a_rank", Int(threads.max() ?? 0))
        return finding
    }
}
