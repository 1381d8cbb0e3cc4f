import Essentials
import Foundation

/// The check that rank 0, which writes all files of a run, can write them fast and for good.
enum FileSystemCheck: Check {
    static let name = "file system"

    private static let size = 16 << 20
    /// A checkpoint of the paper's networks is 4 MB, and a signal leaves a few seconds to write it.
    private static let slowRate = 10e6
    private static let leastFree = 1 << 30

    static func examine(_ job: Examination) throws -> Finding {
        // What rank 0 found: bytes a second, seconds of a small flush, bytes free; or why it cannot write.
        var numbers: [Double] = []
        var texts = ["", ""]
        if job.world.rank == 0 {
            texts[1] = ProcessFacts.fileSystem(of: job.directory)
            do { numbers = try measure(job.directory) } catch { texts[0] = Failure(error).message }
        }
        numbers = try job.world.broadcast(numbers)
        texts = [try job.world.broadcast(texts[0]), try job.world.broadcast(texts[1])]
        var finding = Finding("\(job.directory): \(texts[1])")
        finding.figure("type", texts[1])
        guard numbers.count == 3 else {
            finding.complain(.fail, "\(texts[0]): choose another directory with --run")
            return finding
        }
        finding.add(
            "write and flush \((numbers[0] * 1e-6).rounded()) MB/s, a small file \((numbers[1] * 1e4).rounded() / 10) "
                + "ms, \((numbers[2] / 1e9).rounded()) GB free")
        finding.figure("write_bytes_per_second", numbers[0])
        finding.figure("small_file_seconds", numbers[1])
        finding.figure("free_bytes", numbers[2])
        if numbers[0] < slowRate {
            finding.complain(
                .warn, "writing is slow: save less often (checkpoint.every_steps), or choose another directory")
        }
        if numbers[2] < Double(leastFree) {
            finding.complain(.warn, "less than 1 GB is free: a run that cannot save stops; make room")
        }
        if ["tmpfs", "ramfs"].contains(texts[1]) {
            finding.complain(
                .warn, "\(texts[1]) forgets everything when the host goes down: choose a directory on a disk")
        }
        return finding
    }

    private static func measure(_ directory: String) throws -> [Double] {
        let path = directory + "/.doctor-\(getpid())"
        defer { unlink(path) }
        let start = ContinuousClock.now
        try AtomicFile.write("steadfast\n", to: path)
        let small = seconds(since: start)
        // No file system can make zeros of it.
        var random = SystemRandomNumberGenerator()
        let words = (0..<size / 8).map { _ in random.next() }
        let before = ContinuousClock.now
        try words.withUnsafeBytes { try AtomicFile.write([$0], to: path) }
        let large = seconds(since: before)
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { throw systemFailure(.inputOutput, "look at", directory) }
        return [Double(size) / large, small, Double(status.f_bavail) * Double(status.f_frsize)]
    }
}
