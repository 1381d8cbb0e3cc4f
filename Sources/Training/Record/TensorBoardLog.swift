import Essentials
import Foundation

/// Scalars in TensorBoard's event file: TFRecord frames of the `Event` message (tensorflow/core/util/event.proto),
/// written by hand since these few messages are all that is needed.
final class TensorBoardLog {
    private let directory: String
    private var path = ""
    private var handle: FileHandle?
    /// The step that the run goes on from: a reader drops the points behind it.
    var firstStep = 0

    /// A log that makes its event file in a directory with its first scalars.
    init(directory: String) { self.directory = directory }

    private static let prefix = "events.out.tfevents."

    /// A name behind those of the directory's event files, and whether there are any: readers take them in the order of
    /// their names.
    private func nextPath() -> (path: String, isFirst: Bool) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let times = names.filter { $0.hasPrefix(Self.prefix) }.compactMap {
            $0.dropFirst(Self.prefix.count).split(separator: ".").first.flatMap { Int($0) }
        }
        let time = max(Int(Date.now.timeIntervalSince1970), (times.max() ?? 0) + 1)
        let path = "\(directory)/\(Self.prefix)\(time).\(ProcessInfo.processInfo.hostName).\(getpid())"
        return (path, times.isEmpty)
    }

    private func begin() throws {
        let isFirst: Bool
        (path, isFirst) = nextPath()
        // Not by FileManager, which makes a file of another name first and leaves that where it is killed.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", path) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var event = ProtocolBuffer()
        event.add(1, Date.now.timeIntervalSince1970)
        event.add(3, bytes: Array("brain.Event:2".utf8))
        try write(event)
        guard firstStep > 0 || !isFirst else { return }
        // SessionLog START: the points of this step and behind it are void, all where no checkpoint was saved.
        var session = ProtocolBuffer()
        session.add(1, 1)
        var start = ProtocolBuffer()
        start.add(1, Date.now.timeIntervalSince1970)
        start.add(2, firstStep + 1)
        start.add(7, session)
        try write(start)
    }

    /// Appends scalars of a step.
    func add(_ scalars: [(tag: String, value: Double)], step: Int) throws {
        if handle == nil { try begin() }
        var summary = ProtocolBuffer()
        for scalar in scalars {
            var value = ProtocolBuffer()
            value.add(1, scalar.tag)
            value.add(2, Float(scalar.value))
            summary.add(1, value)
        }
        var event = ProtocolBuffer()
        event.add(1, Date.now.timeIntervalSince1970)
        event.add(2, step)
        event.add(5, summary)
        try write(event)
    }

    /// One frame: length, its checksum, the message, its checksum.
    private func write(_ message: ProtocolBuffer) throws {
        let length = littleEndian(UInt64(message.bytes.count))
        let frame =
            length + littleEndian(maskedChecksum(length)) + message.bytes
            + littleEndian(maskedChecksum(message.bytes))
        do { try handle?.write(contentsOf: frame) } catch {
            throw Failure(.inputOutput, "cannot write \(path): \(error.localizedDescription)")
        }
    }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// TFRecord's masked CRC-32C.
private func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
    var checksum: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        checksum ^= UInt32(byte)
        for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    checksum = ~checksum
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
}
