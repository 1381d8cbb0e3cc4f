import MessagePassing

/// The check that the hosts' clocks agree: logs and files of several hosts are read side by side.
enum ClockCheck: Check {
    static let name = "clocks"

    /// Seconds.
    private static let tolerance = 1.0

    static func examine(_ job: Examination) throws -> Finding {
        guard job.world.worldSize > 1 else { return Finding("one process: nothing to compare") }
        let offsets = try job.world.clockOffsets()
        let worst = offsets.map { abs($0.seconds) }.max() ?? 0
        let uncertainty = offsets.map(\.uncertainty).max() ?? 0
        var finding = Finding(
            "at most \(milliseconds(worst)) ms from rank 0's, measured to \(milliseconds(uncertainty)) ms")
        finding.figure("largest_offset_seconds", worst)
        finding.figure("uncertainty_seconds", uncertainty)
        for host in job.hostNames {
            let offset = offsets[job.ranks(of: host)[0]]
            if abs(offset.seconds) - offset.uncertainty > tolerance {
                finding.complain(
                    .warn,
                    "the clock of \(host) is \(milliseconds(offset.seconds)) ms from that of \(job.hosts[0]): run NTP "
                        + "on all hosts")
            }
        }
        return finding
    }

    private static func milliseconds(_ seconds: Double) -> String { "\((seconds * 1e6).rounded() / 1e3)" }
}
