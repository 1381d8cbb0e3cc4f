import Essentials
import Foundation

/// A large HDF5 file behind a seal that covers its index alone: names, shapes, and the place of each chunk of numbers.
/// The chunks carry digests of their own in the index, so that each is checked when it is used.
///
/// Layout: the seal (512 bytes); HDF5's superblock (96 bytes); the chunks; the index: the owner's part, then HDF5's own
/// metadata. The seal, little-endian: bytes 0 ..< 16 magic and 16 ..< 20 version (2) as in `SealedFile`, 24 ..< 32 the
/// offset of the index, 32 ..< 64 the SHA-256 of superblock and index, 64 ..< 72 the index's size; all others 0.
public enum HDF5DataFile {
    /// The types of numbers.
    public enum Number: String, Codable, Sendable {
        case uint8, int32, int64, uint64

        var width: Int {
            switch self {
            case .uint8: 1
            case .int32: 4
            case .int64, .uint64: 8
            }
        }
        var isSigned: Bool { self == .int32 || self == .int64 }
    }

    /// Where a chunk lies in the file.
    public struct Place: Codable, Equatable, Sendable {
        /// From the file's beginning.
        public let offset: Int
        /// Bytes there.
        public let size: Int
        /// In a file whose chunks are deflated: this one is not.
        public let isStored: Bool

        /// A place.
        public init(offset: Int, size: Int, isStored: Bool) {
            (self.offset, self.size, self.isStored) = (offset, size, isStored)
        }
    }

    /// A dataset of the file.
    public enum Dataset: Sendable {
        /// Numbers in one run, at an offset of the owner's part of the index.
        case run(path: String, type: Number, shape: [Int], at: Int)
        /// Bytes in chunks of `rows` rows each: the last one is as large as the others.
        case chunks(path: String, shape: [Int], rows: Int, places: [Place], isDeflated: Bool)
        /// Texts: [count].
        case texts(path: String, [String])
    }

    /// The version of the seal.
    static let version: UInt32 = 2
    /// Where chunks begin.
    public static let firstOffset = 1_024
    /// The bytes of an index at most.
    private static let mostIndexBytes = 2 << 30

    /// The head and the index of a file whose chunks are written.
    ///
    /// - Parameters:
    ///   - own: the owner's part of the index; its size is a multiple of 8.
    ///   - start: where the index begins in the file, behind the last chunk: a multiple of 8.
    ///   - attributes: of the root group.
    /// - Returns: the bytes for the file's beginning, and those for `start`, with which it ends.
    public static func encode(
        _ datasets: [Dataset], attributes: [(name: String, value: HDF5Attribute)], own: [UInt8], start: Int
    ) -> (head: [UInt8], index: [UInt8]) {
        precondition(own.count % 8 == 0 && start % 8 == 0, "an index of \(own.count) bytes at \(start)")
        var metadata = HDF5Metadata(start: start + own.count)
        for dataset in datasets {
            switch dataset {
            case .run(let path, let type, let shape, let at):
                metadata.addRun(path, type, shape: shape, offset: start + at)
            case .chunks(let path, let shape, let rows, let places, let isDeflated):
                metadata.addChunks(path, .uint8, shape: shape, rows: rows, chunks: places, isDeflated: isDeflated)
            case .texts(let path, let texts): metadata.addTexts(path, texts)
            }
        }
        let (superblock, block) = metadata.finish(attributes: attributes)
        let index = own + block
        return (seal(superblock, index, start: start) + superblock, index)
    }

    /// A file of an index and of `chunks` bytes of chunks, all 0, that no HDF5 reader reads: for tests of those who
    /// read the index.
    package static func sealed(index: [UInt8], chunks: Int) -> [UInt8] {
        let superblock = [UInt8](repeating: 0, count: HDF5Metadata.superblockSize)
        let start = firstOffset + chunks
        return seal(superblock, index, start: start) + superblock
            + [UInt8](repeating: 0, count: start - SealedFile.sealSize - superblock.count) + index
    }

    private static func seal(_ superblock: [UInt8], _ index: [UInt8], start: Int) -> [UInt8] {
        var seal = SealedFile.magic
        withUnsafeBytes(of: version.littleEndian) { seal += $0 }
        seal += [0, 0, 0, 0]
        withUnsafeBytes(of: UInt64(start).littleEndian) { seal += $0 }
        seal += digest(superblock, index)
        withUnsafeBytes(of: UInt64(index.count).littleEndian) { seal += $0 }
        return seal + [UInt8](repeating: 0, count: SealedFile.sealSize - seal.count)
    }

    private static func digest(_ superblock: [UInt8], _ index: [UInt8]) -> [UInt8] {
        let digest = Digest()
        digest.update(superblock)
        digest.update(index)
        return digest.finish()
    }

    /// True where a file begins as one of this kind.
    public static func isOne(_ path: String) -> Bool {
        guard let head = try? bytes(of: path, offset: 0, count: 20) else { return false }
        return head.count == 20 && head.starts(with: SealedFile.magic) && head[16] == UInt8(version)
    }

    /// The index of a file, its seal verified: the owner's part comes first.
    ///
    /// - Throws: `Failure` 65 where it is cut off, changed or of a newer version; 66 or 74 where it cannot be read.
    public static func readIndex(_ path: String) throws -> [UInt8] {
        let advice = "copy it again or convert anew"
        let head = try bytes(of: path, offset: 0, count: SealedFile.sealSize + HDF5Metadata.superblockSize)
        guard head.count == SealedFile.sealSize + HDF5Metadata.superblockSize else {
            throw Failure(.data, "\(path) ends in its first block; \(advice)")
        }
        let (start, count) = head.withUnsafeBytes {
            (
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 24, as: UInt64.self)),
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 64, as: UInt64.self))
            )
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw systemFailure(.noInput, "read", path) }
        let size = UInt64(status.st_size)
        guard count <= UInt64(mostIndexBytes), start <= size, start + count <= size else {
            throw Failure(
                .data, "\(path) holds \(size) bytes and no whole index: it is cut off or damaged; \(advice)")
        }
        guard start + count == size else {
            throw Failure(
                .data,
                "\(path) was changed after it was sealed: \(size - start - count) bytes follow its index (another "
                    + "program opened it for writing?); use the original file, or convert anew")
        }
        let index = try bytes(of: path, offset: Int(start), count: Int(count))
        let unused = [head[17..<24], head[72..<SealedFile.sealSize]].joined()
        guard index.count == Int(count), unused.allSatisfy({ $0 == 0 }),
            head[32..<64].elementsEqual(digest(Array(head[SealedFile.sealSize...]), index))
        else { throw Failure(.data, "\(path) is damaged: the SHA-256 of its index differs from its seal; \(advice)") }
        return index
    }

    private static func bytes(of path: String, offset: Int, count: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "read", path) }
        defer { close(descriptor) }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try readFully(UnsafeMutableRawBufferPointer(buffer), from: descriptor, at: offset, path: path)
        }
    }
}
