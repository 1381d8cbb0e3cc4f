import CArchive
import Essentials

/// One member of a .tar.gz, found by its base name; nothing is extracted to the disk.
final class TarMemberStream: ByteStream {
    private let tar: TarReader

    /// Throws `StreamDamage` where the archive is broken or has no such member.
    init(_ path: String, member: String) throws {
        tar = try TarReader(path)
        while let name = try tar.nextMember() {
            if name == member { return }
        }
        throw StreamDamage(reason: "it holds no \(member)")
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try tar.read(into: buffer) }
}

/// The members of a .tar.gz in order: libarchive parses what `GzipStream` delivers.
final class TarReader {
    private let archive: OpaquePointer
    private let source: TarSource

    init(_ path: String) throws {
        source = TarSource(try GzipStream(path))
        guard let archive = archive_read_new() else { throw Failure(.unavailable, "libarchive cannot start") }
        self.archive = archive
        archive_read_support_format_tar(archive)
        let client = Unmanaged.passUnretained(source).toOpaque()
        let status = archive_read_open(
            archive, client, nil,
            { _, client, buffer in
                guard let client, let buffer else { return -1 }
                return Unmanaged<TarSource>.fromOpaque(client).takeUnretainedValue().next(buffer)
            }, nil)
        guard status == ARCHIVE_OK else { throw damage() }
    }

    deinit { archive_read_free(archive) }

    /// Goes to the next member and returns its base name; nil at the end.
    func nextMember() throws -> String? {
        var entry: OpaquePointer?
        let status = archive_read_next_header(archive, &entry)
        if status == ARCHIVE_EOF { return nil }
        guard status == ARCHIVE_OK, let entry else { throw damage() }
        let path = archive_entry_pathname(entry).map { String(cString: $0) } ?? ""
        return path.split(separator: "/").last.map(String.init) ?? ""
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let got = archive_read_data(archive, buffer.baseAddress, buffer.count)
        guard got >= 0 else { throw damage() }
        return got
    }

    /// Reads the archive to its end, gzip's checksum included.
    static func verify(_ path: String) throws {
        let tar = try TarReader(path)
        while try tar.nextMember() != nil {}
        _ = try tar.source.stream.drain()
    }

    private func damage() -> any Error {
        if let error = source.error { return error }
        return StreamDamage(
            reason: archive_error_string(archive).map { String(cString: $0) } ?? "it is not a tar archive")
    }
}

/// Hands libarchive the decompressed bytes, and keeps the error that it cannot carry.
private final class TarSource {
    let stream: GzipStream
    private(set) var error: (any Error)?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)

    init(_ stream: GzipStream) { self.stream = stream }

    deinit { buffer.deallocate() }

    func next(_ block: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            let got = try stream.read(into: buffer)
            block.pointee = UnsafeRawPointer(buffer.baseAddress)
            return got
        } catch {
            self.error = error
            return -1
        }
    }
}
