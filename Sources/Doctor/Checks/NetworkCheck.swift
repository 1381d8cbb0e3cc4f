import Benchmarks

/// How fast messages between all ranks are.
enum NetworkCheck: Check {
    static let name = "messages"

    /// Seconds, and bytes a second, beyond which a step of the paper's networks spends more on messages than on
    /// arithmetic.
    private static let (slowLatency, slowBandwidth) = (1e-3, 20e6)

    static func examine(_ job: Examination) throws -> Finding {
        guard job.world.worldSize > 1 else { return Finding("one process: no messages") }
        let network = try CollectiveBenchmark.network(job.world, seconds: 0.8)
        var finding = Finding(
            "latency \((network.latency * 1e7).rounded() / 10) us, bandwidth \((network.bandwidth * 1e-6).rounded()) "
                + "MB/s of gathers over all ranks")
        finding.figure("latency_seconds", network.latency)
        finding.figure("bandwidth_bytes_per_second", network.bandwidth)
        if network.latency > slowLatency || network.bandwidth < slowBandwidth {
            finding.complain(
                .warn,
                "messages are slow: more ranks than cores, or the wrong network (mpirun --mca btl_tcp_if_include NAME "
                    + "chooses one); raise the batch to send fewer")
        }
        return finding
    }
}
