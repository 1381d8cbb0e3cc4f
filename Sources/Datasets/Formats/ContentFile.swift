import Essentials
import Foundation

/// A file of a data set: plain, .gz, or a member of a .tar.gz. It is named by its uncompressed content.
struct ContentFile: Sendable {
    let path: String
    var member: String?

    /// How messages name it.
    var label: String { member.map { "\(path):\($0)" } ?? path }

    /// The file `name` in `folder`, plain or else .gz; nil where neither is there.
    static func find(_ name: String, in folder: String) -> ContentFile? {
        let path = (folder as NSString).appendingPathComponent(name)
        return [path, path + ".gz"].first { FileManager.default.fileExists(atPath: $0) }.map { ContentFile(path: $0) }
    }

    func open() throws -> any ByteStream {
        try readable {
            if let member { return try TarMemberStream(path, member: member) }
            return path.hasSuffix(".gz") ? try GzipStream(path) : try FileStream(path)
        }
    }

    /// The first `count` bytes.
    func head(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try readable { try bytes.withUnsafeMutableBytes { try open().readFully(into: $0) } }
        guard got == count else { throw wrongSize(expected: count, found: got, atLeast: true) }
        return bytes
    }

    /// Compares the size of the content with the `expected` one before memory is taken for it. A plain file's is known.
    /// A .gz file's is claimed modulo 2^32 at its end, and deflate packs at most 1032 bytes into one; where these
    /// disagree, the content is counted.
    func checkSize(_ expected: Int) throws {
        let stream = try open()
        var found = expected
        if let file = stream as? FileStream {
            found = file.size
        } else if let gzip = stream as? GzipStream,
            gzip.claimedLength != UInt32(truncatingIfNeeded: expected) || expected / 1032 > gzip.compressedSize
        {
            found = try readable { try gzip.drain() }
        }
        guard found == expected else { throw wrongSize(expected: expected, found: found) }
    }

    /// Turns damage of the archive into a failure that names the file.
    func readable<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let damage as StreamDamage {
            throw Failure(.data, "\(label) is damaged: \(damage.reason); copy or fetch it again")
        }
    }

    func wrongSize(expected: Int, found: Int, atLeast: Bool = false) -> Failure {
        let complaint = found < expected ? "is truncated" : "goes on after its end"
        return Failure(
            .data,
            "\(label) \(complaint): expected \(atLeast ? "at least " : "")\(expected) bytes, found \(found); "
                + "copy or fetch it again")
    }

    /// Streams the content whole: `headerBytes`, then `count` records of `recordBytes`, and nothing after them.
    ///
    /// - Parameter body: takes the index of the first record of a piece, and the records of the piece.
    /// - Throws: `Failure` 65 where the content is shorter, longer or does not decompress.
    func streamRecords(
        headerBytes: Int, recordBytes: Int, count: Int, digests: [RunningDigest],
        body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let expected = headerBytes + recordBytes * count
        let recordsAtOnce = max(1, min(count, chunkBytes / recordBytes))
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(headerBytes, recordsAtOnce * recordBytes), alignment: 16)
        defer { buffer.deallocate() }
        var found = 0
        let stream = try open()
        func take(_ size: Int) throws -> UnsafeRawBufferPointer {
            do {
                let got = try stream.readFully(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]))
                found += got
                guard got == size else { throw wrongSize(expected: expected, found: found) }
            } catch let damage as StreamDamage {
                let place = "after \(found) of the expected \(expected) bytes"
                throw Failure(.data, "\(label) is damaged: \(damage.reason), \(place); copy or fetch it again")
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<size])
            for digest in digests { digest.update(bytes) }
            return bytes
        }
        _ = try take(headerBytes)
        var first = 0
        while first < count {
            let records = min(recordsAtOnce, count - first)
            try body(first, take(records * recordBytes))
            first += records
        }
        let rest = try readable { try stream.drain() }
        guard rest == 0 else { throw wrongSize(expected: expected, found: found + rest) }
    }
}

/// A digest that several readers add to in turn.
final class RunningDigest {
    private var digest: Digest? = Digest()

    func update(_ bytes: UnsafeRawBufferPointer) { digest?.update(bytes) }

    /// The digest so far: hexadecimal.
    var soFar: String { digest?.soFar().hexadecimal ?? "" }

    /// Ends the digest: hexadecimal.
    func finish() -> String { digest.take()?.finish().hexadecimal ?? "" }
}

/// The hexadecimal MD5 of a file as it lies on the disk.
func md5(ofFile path: String) throws -> String { try digest(ofFile: path, Digest(.md5)) }

/// The hexadecimal SHA-256 of a file as it lies on the disk.
func sha256(ofFile path: String) throws -> String { try digest(ofFile: path, Digest()) }

private func digest(ofFile path: String, _ digest: consuming Digest) throws -> String {
    let file = try FileStream(path)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let got = try file.read(into: buffer)
        if got == 0 { return digest.finish().hexadecimal }
        digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
    }
}
