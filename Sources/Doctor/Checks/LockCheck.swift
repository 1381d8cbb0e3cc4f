import Checkpoints
import Essentials
import Foundation

/// The lock of a run, where runs will lie: some file systems have none.
enum LockCheck: Check {
    static let name = "lock"

    static func examine(_ job: Examination) throws -> Finding {
        // Rank 0 takes it in a run.
        var complaint = ""
        if job.world.rank == 0 {
            do { try take(in: job.directory) } catch { complaint = Failure(error).message }
        }
        complaint = try job.world.broadcast(complaint)
        let isOff = try job.world.broadcast(ProcessInfo.processInfo.environment[FolderLock.variable] == "off")
        guard complaint.isEmpty else {
            var finding = Finding("none in \(job.directory)")
            finding.complain(.fail, complaint)
            return finding
        }
        guard isOff else { return Finding("taken and released in \(job.directory)") }
        var finding = Finding("off (\(FolderLock.variable)): a heartbeat file in its place")
        finding.complain(
            .warn,
            "a heartbeat file keeps a second job out less surely: unset \(FolderLock.variable) where there are locks")
        return finding
    }

    private static func take(in directory: String) throws {
        let folder = "\(directory)/.doctor-lock-\(getpid())"
        try FileManager.default.makeDirectory(folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try FolderLock(folder, waitingUpTo: 0)
    }
}
