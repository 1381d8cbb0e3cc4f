import CArchive
import Essentials

/// The content of a .gz file of one member, by libarchive, which leaves gzip's own checksum unchecked: it is checked
/// here when the content ends.
final class GzipStream: ByteStream {
    let path: String
    /// The size of the compressed file.
    let compressedSize: Int
    /// The content's length modulo 2^32, as the file's last four bytes claim.
    let claimedLength: UInt32
    private let claimedChecksum: UInt32
    private let archive: OpaquePointer
    private var checksum = CRC32()
    private var length: UInt32 = 0
    private var ended = false

    /// Throws `StreamDamage` where the file is no gzip file, `Failure` 66 where it is missing or not readable.
    init(_ path: String) throws {
        let file = try FileStream(path)
        guard let tail = try file.tail(8) else {
            throw StreamDamage(reason: "\(file.size) bytes are too few for a gzip file")
        }
        func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(tail[at + $1]) << UInt32(8 * $1) } }
        guard let archive = archive_read_new() else { throw Failure(.unavailable, "libarchive cannot start") }
        self.path = path
        self.archive = archive
        compressedSize = file.size
        claimedChecksum = word(0)
        claimedLength = word(4)
        archive_read_support_filter_gzip(archive)
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        guard archive_read_open_filename(archive, path, 1 << 17) == ARCHIVE_OK else { throw damage() }
        var entry: OpaquePointer?
        let status = archive_read_next_header(archive, &entry)
        // An archive without entry is gzip of nothing.
        ended = status == ARCHIVE_EOF
        guard status == ARCHIVE_OK || ended else { throw damage() }
        guard archive_filter_code(archive, 0) == ARCHIVE_FILTER_GZIP else {
            throw StreamDamage(reason: "it is not a gzip file")
        }
    }

    deinit { archive_read_free(archive) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if ended { return 0 }
        let got = archive_read_data(archive, buffer.baseAddress, buffer.count)
        guard got >= 0 else { throw damage() }
        if got == 0 {
            ended = true
            guard checksum.value == claimedChecksum, length == claimedLength else {
                throw StreamDamage(reason: "its content does not match gzip's checksum at its end")
            }
        }
        checksum.add(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        length &+= UInt32(truncatingIfNeeded: got)
        return got
    }

    private func damage() -> StreamDamage {
        StreamDamage(reason: archive_error_string(archive).map { String(cString: $0) } ?? "it does not decompress")
    }
}
