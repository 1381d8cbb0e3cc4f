import Essentials
import Foundation

/// An HDF5 file behind a seal (invariant 4): the first 512 bytes, which HDF5 leaves to the user and every reader of
/// HDF5 skips, hold a magic, a version and the SHA-256 of all that follows. libhdf5 crashes on some damaged files, so
/// nothing is given to it before the seal is verified.
///
/// The seal, little-endian: bytes 0 ..< 16 magic, 16 ..< 20 version (1), 24 ..< 32 count of the bytes that follow the
/// seal, 32 ..< 64 their SHA-256; all others 0.
public enum SealedFile {
    package static let magic = Array("STEADFAST\0\r\n\u{1A}\n\0\0".utf8)
    static let version: UInt32 = 1
    package static let sealSize = HDF5Tree.userBlockSize

    /// Writes a tree to a file, whole or not at all.
    ///
    /// - Throws: `Failure` 65 where the tree cannot be stored, 73 or 74 as `AtomicFile`.
    public static func write(_ tree: HDF5Tree, to path: String) throws {
        let image: [UInt8]
        do { image = try tree.encoded() } catch let failure as Failure {
            throw Failure(failure.code, "\(path): \(failure.message)")
        }
        let seal = seal(of: image)
        try seal.withUnsafeBytes { seal in
            try image.withUnsafeBytes { image in try AtomicFile.write([seal, image], to: path) }
        }
    }

    /// Reads and verifies the file at `path` and decodes it.
    ///
    /// With `trust` a file that has no seal (made by another program) is read too. It is first decoded in a child
    /// process where `UntrustedDecoder.command` is set, so that a crash of libhdf5 is only an error.
    ///
    /// - Throws: `Failure` 66 where there is no such file, 74 where reading fails, 65 where the content is not whole,
    ///   not HDF5, or not allowed (`HDF5Tree.decode`). The sentence names the file, the object and what to do.
    public static func read(_ path: String, trust: Bool = false) throws -> HDF5Tree {
        guard !HDF5DataFile.isOne(path) else {
            throw Failure(.data, "\(path) is a data set: see it with `steadfast data list \(path)`")
        }
        let bytes = try readWhole(path)
        if try !isSealed(bytes, path, trust: trust) {
            let kind = isHDF5(bytes) ? "an HDF5 file without our seal" : "not a file of ours, or damaged at its start"
            guard trust else {
                let advice =
                    isHDF5(bytes) ? "if you know who made it, read it with --trust" : "give a file that steadfast wrote"
                throw Failure(.data, "\(path) is \(kind); \(advice)")
            }
            guard isHDF5(bytes) else { throw Failure(.data, "\(path) is \(kind); --trust reads HDF5 files only") }
            try UntrustedDecoder.tryInChild(path)
        }
        do { return try HDF5Tree.decode(bytes) } catch let failure as Failure {
            throw Failure(failure.code, "\(path): \(failure.message); it is not read, take another file")
        }
    }

    package static func seal(of image: [UInt8]) -> [UInt8] {
        var seal = magic
        withUnsafeBytes(of: version.littleEndian) { seal += $0 }
        seal += [0, 0, 0, 0]
        withUnsafeBytes(of: UInt64(image.count).littleEndian) { seal += $0 }
        seal += image.withUnsafeBytes { Digest.of($0) }
        return seal + [UInt8](repeating: 0, count: sealSize - seal.count)
    }

    /// Verifies the seal; false where the file has none, or with `trust` where it grew after it was sealed.
    private static func isSealed(_ bytes: [UInt8], _ path: String, trust: Bool) throws -> Bool {
        guard !bytes.isEmpty else { throw Failure(.data, "\(path) is empty; delete it and use an older file") }
        guard bytes.prefix(magic.count).elementsEqual(magic.prefix(bytes.count)) else { return false }
        let advice = "copy it again or use an older one"
        guard bytes.count > sealSize else { throw Failure(.data, "\(path) ends in its first block; \(advice)") }
        let (version, following) = bytes.withUnsafeBytes {
            (
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 16, as: UInt32.self)),
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            )
        }
        guard version <= Self.version else {
            throw Failure(
                .data,
                "\(path) has file version \(version), written by a newer steadfast; this one reads up to"
                    + " \(Self.version): update it (or the file is damaged)")
        }
        if following < UInt64(bytes.count - sealSize) {
            if trust { return false }
            throw Failure(
                .data,
                "\(path) was changed after it was sealed: it holds \(UInt64(bytes.count - sealSize) - following) bytes "
                    + "more than its seal says (another program opened it for writing?); use the original file, or "
                    + "--trust to read it as it is")
        }
        guard following == UInt64(bytes.count - sealSize) else {
            throw Failure(
                .data,
                "\(path) holds \(bytes.count - sealSize) of \(following) bytes after its seal, a half copy?; \(advice)")
        }
        let expected = bytes.withUnsafeBytes { Digest.of(UnsafeRawBufferPointer(rebasing: $0[sealSize...])) }
        let unused = [bytes[20..<24], bytes[64..<sealSize]].joined()
        guard version == Self.version, bytes[32..<64].elementsEqual(expected), unused.allSatisfy({ $0 == 0 }) else {
            throw Failure(.data, "\(path) is damaged: its SHA-256 differs from its seal; \(advice)")
        }
        return true
    }

    /// True where HDF5's signature stands where libhdf5 looks for it: at 0, 512, 1024, 2048, ...
    private static func isHDF5(_ bytes: [UInt8]) -> Bool {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while offset + signature.count <= bytes.count {
            if bytes[offset...].starts(with: signature) { return true }
            offset = max(512, offset * 2)
        }
        return false
    }

    /// The bytes of a regular file of bounded size.
    package static func readWhole(_ path: String, atMost limit: Int? = nil) throws -> [UInt8] {
        // Opening a pipe that nobody writes to must not wait.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "read", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemFailure(.inputOutput, "read", path) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Failure(.noInput, "\(path) is a directory; name a file in it")
        default: throw Failure(.noInput, "\(path) is not a regular file")
        }
        let size = Int(status.st_size)
        let limit = limit ?? HDF5Limits.fileBytes
        guard size <= limit else {
            throw Failure(.data, "\(path) has \(size) bytes; files up to \(limit) bytes are read")
        }
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = try readFully(UnsafeMutableRawBufferPointer(buffer), from: descriptor, path: path)
            guard count == size else { throw Failure(.data, "\(path) shrank while it was read; try again") }
        }
    }
}
