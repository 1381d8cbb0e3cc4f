import Benchmarks
import Kernels

/// How fast each rank multiplies and adds, all at the same time.
enum SpeedCheck: Check {
    static let name = "speed"

    /// A rank that reaches less than this share of the median is called slow.
    private static let slowShare = 0.8

    static func examine(_ job: Examination) throws -> Finding {
        try job.world.barrier()
        let rates = try job.world.allGather(PeakRate.measure(seconds: 0.4))
        let middle = median(rates)
        let (slowest, fastest) = (rates.min() ?? 0, rates.max() ?? 0)
        var finding = Finding(
            rates.count == 1
                ? "\(rounded(middle)) GFLOP/s of float32 multiply-adds"
                : "\(rounded(slowest)) to \(rounded(fastest)) GFLOP/s of float32 multiply-adds a rank, median "
                    + rounded(middle))
        finding.figure("slowest_gflops", slowest)
        finding.figure("median_gflops", middle)
        finding.figure("fastest_gflops", fastest)
        // Of two ranks the median lies between them: the faster one is what could be.
        let measure = rates.count == 2 ? fastest : middle
        for (rank, rate) in rates.enumerated() where rate < slowShare * measure {
            finding.complain(
                .warn,
                "\(job.name(rank)) reaches \(rounded(rate)) GFLOP/s where \(rounded(measure)) are usual: look for "
                    + "other programs, heat or power limits there, or train with balance: on")
        }
        return finding
    }

    private static func rounded(_ rate: Double) -> String { "\((rate * 10).rounded() / 10)" }
}
