import CZlib
import Essentials
import Foundation

/// A part of a file.
final class SectionStream: ByteStream {
    private let path: String
    private let descriptor: Int32
    private var offset: Int
    private let end: Int

    /// Throws `Failure` 66 where the file is missing, `StreamDamage` where the part goes beyond its end.
    init(_ path: String, offset: Int, count: Int) throws {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "open", path) }
        self.path = path
        self.descriptor = descriptor
        self.offset = offset
        end = offset + count
        var status = stat()
        guard fstat(descriptor, &status) == 0, offset >= 0, count >= 0, end <= Int(status.st_size) else {
            throw StreamDamage(reason: "it goes beyond the file's end")
        }
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = min(buffer.count, end - offset)
        guard wanted > 0 else { return 0 }
        while true {
            let got = pread(descriptor, buffer.baseAddress, wanted, off_t(offset))
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw systemFailure(.inputOutput, "read", path) }
            offset += got
            return got
        }
    }
}

/// The bytes that another stream holds deflated.
final class InflateStream: ByteStream {
    /// The wrapping of deflated bytes.
    enum Wrapping: Int32 {
        /// None: zip.
        case raw = -15
        /// A zlib stream with its checksum: HDF5, MAT.
        case zlib = 15
    }

    private let source: any ByteStream
    private let state: UnsafeMutablePointer<z_stream>
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private var ended = false

    init(_ source: any ByteStream, _ wrapping: Wrapping) throws {
        self.source = source
        state = .allocate(capacity: 1)
        state.initialize(to: z_stream())
        guard zlib_inflate_start(state, wrapping.rawValue) == Z_OK else {
            throw Failure(.unavailable, "zlib cannot start")
        }
    }

    deinit {
        inflateEnd(state)
        state.deallocate()
        input.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !ended, !buffer.isEmpty else { return 0 }
        let room = min(buffer.count, 1 << 30)
        state.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        state.pointee.avail_out = UInt32(room)
        while Int(state.pointee.avail_out) == room {
            if state.pointee.avail_in == 0 {
                let got = try source.read(into: input)
                guard got > 0 else { throw StreamDamage(reason: "its compressed content is cut off") }
                state.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                state.pointee.avail_in = UInt32(got)
            }
            let status = inflate(state, Z_NO_FLUSH)
            if status == Z_STREAM_END {
                ended = true
                break
            }
            guard status == Z_OK else { throw StreamDamage(reason: "its content does not decompress") }
        }
        return room - Int(state.pointee.avail_out)
    }
}
