import Essentials
import Foundation

/// The check that all hosts see the same directory of runs.
enum SharedDirectoryCheck: Check {
    static let name = "shared directory"

    /// Network file systems show a new file a while later.
    private static let patience = 3.0

    static func examine(_ job: Examination) throws -> Finding {
        guard job.hostNames.count > 1 else { return Finding("one host: nothing to share") }
        let path = "\(job.directory)/.doctor-shared"
        let token = try job.world.broadcast(String(UInt64.random(in: 0...UInt64.max), radix: 36))
        var written = true
        if job.world.rank == 0 { written = (try? AtomicFile.write(token, to: path)) != nil }
        guard try job.world.broadcast(written) else {
            var finding = Finding("\(job.directory) cannot be written")
            finding.complain(.fail, "make \(job.directory) on all hosts, on a file system that they share")
            return finding
        }
        var sees = !job.speaksForHost
        let start = ContinuousClock.now
        while !sees && seconds(since: start) < patience {
            sees = FileManager.default.contents(atPath: path) == Data(token.utf8)
            if !sees { sleep(1) }
        }
        let seen = try job.world.allGather(sees)
        if job.world.rank == 0 { unlink(path) }
        let blind = job.hostNames.filter { host in job.ranks(of: host).contains { !seen[$0] } }
        var finding = Finding(
            "\(job.directory) seen by \(job.hostNames.count - blind.count) of \(job.hostNames.count) hosts")
        if !blind.isEmpty {
            finding.complain(
                .fail,
                "\(blind.prefix(4).joined(separator: ", ")) see\(blind.count == 1 ? "s" : "") another "
                    + "\(job.directory): put it on a file system that all hosts share, or a run cannot go on without "
                    + "\(job.hosts[0])")
        }
        return finding
    }
}
