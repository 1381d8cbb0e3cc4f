import Essentials
import Foundation

extension RunDirectory {
    /// Appends a line to metrics.jsonl in one write.
    ///
    /// - Parameter line: one JSON object without a newline.
    /// - Throws: `Failure` 73 or 74 where the file cannot be made or written (a full disk); no part of the line stays.
    ///   It is written before the next one, if that can be, so that none is missing between others.
    public func append(_ line: String) throws {
        let file = Self.metricsPath(of: path)
        precondition(!line.utf8.contains(0x0A), "a line of metrics holds a newline: \(line)")
        unwritten += Array((line + "\n").utf8)
        if metrics < 0 {
            metrics = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
            guard metrics >= 0 else { throw systemFailure(.cannotCreate, "create", file) }
        }
        let bytes = unwritten
        let before = lseek(metrics, 0, SEEK_END)
        var written = write(metrics, bytes, bytes.count)
        while written < 0 && errno == EINTR { written = write(metrics, bytes, bytes.count) }
        guard written == bytes.count else {
            // A short write is what a disk does when it fills up.
            let failure = written < 0 ? systemFailure(.inputOutput, "write", file) : nil
            if written > 0 { ftruncate(metrics, before) }
            throw failure ?? Failure(.inputOutput, "cannot write \(file): No space left on device")
        }
        unwritten.removeAll(keepingCapacity: true)
    }

    static func metricsPath(of run: String) -> String { "\(run)/\(RunLayout.metrics)" }

    /// The size of a run's metrics.jsonl, 0 where there is none.
    public static func metricsSize(_ run: String) -> Int {
        var status = stat()
        return stat(metricsPath(of: run), &status) == 0 ? Int(status.st_size) : 0
    }

    /// True where a run has come to its end, by what its metrics.jsonl says from byte `start` on: its last event of
    /// training is `end`. For readers that take no lock.
    public static func hasEnded(_ run: String, after start: Int = 0) throws -> Bool {
        let size = metricsSize(run)
        guard size > start else {
            // A run that may not be read is no run without an end.
            _ = try isThere(metricsPath(of: run))
            return false
        }
        guard let file = FileHandle(forReadingAtPath: metricsPath(of: run)) else {
            throw systemFailure(.noInput, "read", metricsPath(of: run))
        }
        defer { try? file.close() }
        do {
            // The end is followed by the lines of evaluations at most.
            try file.seek(toOffset: UInt64(max(start, size - 1 << 20)))
            let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            let events = ["end", "step", "resume"].map { ($0, "{\"event\":\"\($0)\"") }
            for line in text.split(separator: "\n").reversed() {
                if let event = events.first(where: { line.hasPrefix($0.1) }) { return event.0 == "end" }
            }
            return false
        } catch {
            throw Failure(.inputOutput, "cannot read \(metricsPath(of: run)): \(error.localizedDescription)")
        }
    }

    /// Appends a line to a run's metrics.jsonl from beside the job that holds the run, in one write.
    ///
    /// - Throws: `Failure` 73 or 74 where it cannot be written.
    public static func append(_ line: String, toMetricsOf run: String) throws {
        let file = metricsPath(of: run)
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", file) }
        defer { close(descriptor) }
        try Array((line + "\n").utf8).withUnsafeBytes { try AtomicFile.writeAll($0, to: descriptor, path: file) }
    }

    /// Cuts off a last line that has no newline: a job was killed while it wrote.
    func repairMetrics() throws {
        let file = Self.metricsPath(of: path)
        let descriptor = open(file, O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw systemFailure(.inputOutput, "open", file)
        }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        var end = size
        var block = [UInt8](repeating: 0, count: 4_096)
        while end > 0 {
            let start = max(0, end - off_t(block.count))
            let count = pread(descriptor, &block, Int(end - start), start)
            guard count == Int(end - start) else { throw systemFailure(.inputOutput, "read", file) }
            if let newline = block[..<count].lastIndex(of: 0x0A) {
                end = start + off_t(newline) + 1
                break
            }
            end = start
        }
        guard end == size || ftruncate(descriptor, end) == 0 else { throw systemFailure(.inputOutput, "repair", file) }
    }
}
