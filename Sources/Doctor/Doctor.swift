import Essentials
import MessagePassing

/// Looks at all that a training job depends on, on one page.
public struct Doctor {
    /// The findings in the order of the page.
    public let findings: [(name: String, finding: Finding, seconds: Double)]
    private let ranks: Int
    private let hosts: Int
    private let elapsed: Double

    private static var checks: [any Check.Type] {
        [
            MPICheck.self, HostsCheck.self, BindingCheck.self, ThreadsCheck.self, BuildCheck.self, CPUCheck.self,
            SpeedCheck.self, ClockCheck.self, NetworkCheck.self, FileSystemCheck.self, LockCheck.self,
            SharedDirectoryCheck.self, DataCheck.self, VersionsCheck.self,
        ]
    }

    /// Examines a job, in some seconds. Collective: every rank of the job calls this.
    ///
    /// - Throws: `Failure` 74 where MPI fails.
    public init(_ job: Examination) throws {
        let start = ContinuousClock.now
        findings = try Self.checks.map { check in
            let start = ContinuousClock.now
            return (check.name, try check.examine(job), seconds(since: start))
        }
        ranks = job.world.worldSize
        hosts = job.hostNames.count
        elapsed = seconds(since: start)
    }

    /// The worst of all verdicts.
    public var verdict: Verdict { findings.map(\.finding.verdict).max() ?? .ok }

    /// The names of the checks with a verdict.
    public func names(_ verdict: Verdict) -> [String] {
        findings.filter { $0.finding.verdict == verdict }.map(\.name)
    }

    /// The page.
    public var lines: [String] {
        let width = findings.map(\.name.count).max() ?? 0
        var lines = ["\(counted(ranks, "rank")) on \(counted(hosts, "host")), steadfast \(Product.version)"]
        for (name, finding, _) in findings {
            let head = pad(finding.verdict.rawValue, 6) + pad(name, width + 2)
            let texts = finding.facts + finding.advice.map { "-> " + $0 }
            for (index, text) in texts.enumerated() {
                lines.append((index == 0 ? head : String(repeating: " ", count: head.count)) + text)
            }
        }
        let (warned, failed) = (names(.warn).count, names(.fail).count)
        lines.append(
            "\(findings.count) checks: \(findings.count - warned - failed) OK, \(warned) WARN, \(failed) FAIL")
        return lines
    }

    /// The findings as one JSON object.
    public var json: String {
        var report = JSONLine()
        report.add("version", Product.version)
        report.add("verdict", verdict.rawValue)
        report.add("ranks", ranks)
        report.add("hosts", hosts)
        report.add("seconds", elapsed)
        report.add(
            "checks",
            findings.map { name, finding, seconds in
                var line = JSONLine()
                line.add("name", name)
                line.add("verdict", finding.verdict.rawValue)
                line.add("found", finding.facts.joined(separator: "\n"))
                line.add("advice", finding.advice.joined(separator: "\n"))
                line.add("figures", finding.figures)
                line.add("seconds", seconds)
                return line
            })
        return report.text
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
