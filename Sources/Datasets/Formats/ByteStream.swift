import Essentials
import Foundation

/// Bytes in order, from a file or out of an archive.
protocol ByteStream: AnyObject {
    /// Reads up to `buffer.count` bytes and returns how many; 0 is the end.
    ///
    /// Throws `StreamDamage` where an archive is broken, `Failure` 74 where reading fails.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

extension ByteStream {
    /// Reads until the buffer is full or the stream ends; returns the bytes read.
    func readFully(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let got = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if got == 0 { break }
            filled += got
        }
        return filled
    }

    /// Passes over bytes.
    func skip(_ count: Int) throws {
        if let file = self as? FileStream { return file.seek(by: count) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
        defer { buffer.deallocate() }
        var left = count
        while left > 0 {
            let got = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)]))
            guard got > 0 else { throw StreamDamage(reason: "it ends before its numbers") }
            left -= got
        }
    }

    /// Reads to the end, hands over each piece, and returns the number of bytes.
    func drain(_ body: (UnsafeRawBufferPointer) -> Void = { _ in }) throws -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
        defer { buffer.deallocate() }
        var total = 0
        while true {
            let got = try read(into: buffer)
            if got == 0 { return total }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            total += got
        }
    }
}

/// The first bytes of what another stream still holds.
final class CutStream: ByteStream {
    private let source: any ByteStream
    private var left: Int

    init(_ source: any ByteStream, count: Int) { (self.source, left) = (source, count) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard left > 0, !buffer.isEmpty else { return 0 }
        let got = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)]))
        left -= got
        return got
    }
}

/// An archive that does not decode; `reason` completes "<path> is damaged: ".
struct StreamDamage: Error {
    let reason: String
}

/// The size of a piece in which files are read.
let chunkBytes = 1 << 20

/// A plain file.
final class FileStream: ByteStream {
    let path: String
    let size: Int
    private let descriptor: Int32

    /// Throws `Failure` 66 where the file is missing, not readable or no file.
    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(.noInput, "\(path) is not a regular file")
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let got = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            if got >= 0 { return got }
            guard errno == EINTR else { throw systemFailure(.inputOutput, "read", path) }
        }
    }

    /// Moves the position on.
    func seek(by count: Int) { lseek(descriptor, off_t(count), SEEK_CUR) }

    /// The last `count` bytes, the position unchanged; nil where the file is shorter.
    func tail(_ count: Int) throws -> [UInt8]? {
        guard size >= count else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        guard pread(descriptor, &bytes, count, size - count) == count else {
            throw systemFailure(.inputOutput, "read", path)
        }
        return bytes
    }
}
