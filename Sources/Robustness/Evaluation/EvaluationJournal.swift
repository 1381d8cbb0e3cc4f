import Essentials
import Foundation

/// The chunks of an evaluation that are done, on disk as they come: `journal` beside the results. A job that is killed
/// goes on from it and loses the chunks in flight alone.
///
/// The file begins with a line `steadfast-journal 1 FINGERPRINT`; then each chunk: the count of its bytes and the task
/// (attack, first sample, end), four Int64, the bytes, and the first 8 bytes of the SHA-256 of all that. Whatever
/// stands behind the last whole chunk is a torn end, and is cut off.
public final class EvaluationJournal {
    private let descriptor: Int32
    private let path: String
    private var lastFlush = ContinuousClock.now

    private static let headCount = 32
    private static let sealCount = 8

    /// Opens the journal, made if absent, and gives its chunks to `replay`.
    ///
    /// - Throws: `Failure` 64 where it belongs to another evaluation, 73 or 74 where it cannot be made or read.
    public init(
        _ path: String, fingerprint: String, plan: EvaluationPlan, replay: (ChunkRecords) -> Void
    ) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", path) }
        do {
            let header = Self.header(fingerprint)
            let end = try Self.read(descriptor, path, header, plan, replay)
            guard ftruncate(descriptor, off_t(end)) == 0 else { throw systemFailure(.inputOutput, "repair", path) }
            if end == 0 { try append(header) }
            try flush()
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Notes a chunk. What is older than a second is on the disk.
    public func append(_ chunk: ChunkRecords) throws {
        let content = chunk.bytes
        var entry: [UInt8] = []
        for number in [
            content.count, chunk.task.attack, chunk.task.samples.lowerBound, chunk.task.samples.upperBound,
        ] {
            withUnsafeBytes(of: Int64(number).littleEndian) { entry += $0 }
        }
        entry += content
        entry += entry.withUnsafeBytes { Digest.of($0) }.prefix(Self.sealCount)
        try append(entry)
        if ContinuousClock.now - lastFlush > .seconds(1) { try flush() }
    }

    /// Makes all of it durable.
    public func flush() throws {
        guard fsync(descriptor) == 0 else { throw systemFailure(.inputOutput, "flush", path) }
        lastFlush = .now
    }

    /// Removes the file: its chunks are in the results.
    public func remove() throws {
        guard unlink(path) == 0 else { throw systemFailure(.inputOutput, "remove", path) }
    }

    private func append(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try AtomicFile.writeAll($0, to: descriptor, path: path) }
    }

    /// Refuses the journal of another evaluation; changes nothing.
    ///
    /// - Throws: `Failure` 64, or 73 or 74 where it cannot be read.
    public static func check(_ path: String, fingerprint: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "open", path) }
        defer { close(descriptor) }
        _ = try bytes(descriptor, path, header(fingerprint))
    }

    /// The file's first line.
    private static func header(_ fingerprint: String) -> [UInt8] { Array("steadfast-journal 1 \(fingerprint)\n".utf8) }

    /// The whole file; nothing of one whose first line is not whole, since a job was killed before.
    private static func bytes(_ descriptor: Int32, _ path: String, _ header: [UInt8]) throws -> [UInt8] {
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        let bytes: [UInt8]
        do { bytes = Array(try file.readToEnd() ?? Data()) } catch {
            throw Failure(.inputOutput, "cannot read \(path): \(error.localizedDescription)")
        }
        guard bytes.count >= header.count || !header.starts(with: bytes) else { return [] }
        guard bytes.starts(with: header) else {
            throw Failure(
                .usage,
                "\(path) belongs to another evaluation (another network, data, attack, strength, sample or seed): "
                    + "resume it with the same settings, or name another output directory")
        }
        return bytes
    }

    /// Reads the whole chunks; returns where the last of them ends.
    private static func read(
        _ descriptor: Int32, _ path: String, _ header: [UInt8], _ plan: EvaluationPlan,
        _ replay: (ChunkRecords) -> Void
    ) throws -> Int {
        let bytes = try bytes(descriptor, path, header)
        guard !bytes.isEmpty else { return 0 }
        var end = header.count
        while end + headCount + sealCount <= bytes.count {
            let head = (0..<4).map { field in
                bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: end + 8 * field, as: Int64.self)) }
            }
            guard head[0] >= 0, head[0] <= bytes.count - end - headCount - sealCount else { break }
            let body = end..<end + headCount + head[0]
            let seal = bytes[body.upperBound..<body.upperBound + sealCount]
            guard bytes[body].withUnsafeBytes({ Digest.of($0) }).prefix(sealCount).elementsEqual(seal),
                plan.attacks.indices.contains(head[1]), head[2] >= 0, head[2] < head[3], head[3] <= plan.samples
            else { break }
            replay(
                try ChunkRecords(
                    EvaluationTask(attack: head[1], samples: head[2]..<head[3]), plan,
                    bytes: Array(bytes[end + headCount..<body.upperBound])))
            end = body.upperBound + sealCount
        }
        return end
    }
}
