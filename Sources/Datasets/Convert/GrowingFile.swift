import CZlib
import Essentials
import Foundation
import HDF5Files

/// A data file on its way: `<path>.partial`, locked against a second conversion, and a journal of its chunks beside it.
final class GrowingFile {
    /// The chunks that are written, those of an interrupted conversion among them.
    private(set) var chunks: [WrittenChunk] = []
    /// Where the next chunk goes.
    private(set) var end = HDF5DataFile.firstOffset
    /// Images of the source that are laid out, where they are before chunks are made of them.
    private(set) var placed = 0

    private let path: String
    private let partial: String
    private let journal: String
    private let descriptor: Int32
    private var journalDescriptor: Int32 = -1
    private let identity: String
    /// Bytes that the file keeps, at least, until it is whole.
    private let room: Int

    /// Opens or makes the partial file, and takes up what an interrupted conversion of the same identity left.
    ///
    /// - Parameter room: the bytes in which images are laid out before chunks are made of them; 0 where they are not.
    /// - Throws: `Failure` 73 where it cannot be made or another conversion is at it.
    init(_ path: String, identity: String, room: Int) throws {
        (self.path, self.identity, self.room) = (path, identity, room)
        partial = path + ".partial"
        journal = partial + ".journal"
        descriptor = open(partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", partial) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(.cannotCreate, "\(partial) is being written by another conversion; wait for it to end")
        }
        let text = FileManager.default.contents(atPath: journal).map { String(decoding: $0, as: UTF8.self) } ?? ""
        // What follows the last newline was cut off.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        if lines.first == Substring(identity) {
            for line in lines.dropFirst() {
                if line.hasPrefix(Self.placedWord), let count = Int(line.dropFirst(Self.placedWord.count)), count >= 0 {
                    placed = count
                    continue
                }
                guard let chunk = WrittenChunk(line) else { break }
                chunks.append(chunk)
            }
        }
        try rewrite()
    }

    deinit {
        close(descriptor)
        if journalDescriptor >= 0 { close(journalDescriptor) }
    }

    /// Writes the journal anew with the chunks as they are, and cuts the file off behind them.
    private func rewrite() throws {
        let lines = [identity] + (placed > 0 ? [Self.placedWord + "\(placed)"] : []) + chunks.map(\.line)
        try AtomicFile.write(lines: lines, to: journal)
        if journalDescriptor >= 0 { close(journalDescriptor) }
        journalDescriptor = open(journal, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
        guard journalDescriptor >= 0 else { throw systemFailure(.cannotCreate, "create", journal) }
        end = chunks.last.map { Self.aligned($0.place.offset + $0.place.size) } ?? HDF5DataFile.firstOffset
        // Zeros behind the last image of a split are not written where they lie already: nothing of another conversion
        // may stay there.
        if placed == 0 && chunks.isEmpty { try truncate(to: end) }
        try truncate(to: max(end, room))
    }

    private func truncate(to size: Int) throws {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw systemFailure(.inputOutput, "truncate", partial) }
    }

    private static let placedWord = "placed "

    /// Offsets of chunks are multiples of 8.
    static func aligned(_ offset: Int) -> Int { (offset + 7) / 8 * 8 }

    /// Bytes that the file takes on its disk.
    var held: Int {
        var facts = stat()
        return fstat(descriptor, &facts) == 0 ? Int(facts.st_blocks) * 512 : 0
    }

    /// Forgets all chunks, and what is laid out.
    func restart() throws {
        placed = 0
        try forget(from: 0)
    }

    /// Writes an image where a chunk will be made of it.
    func lay(_ image: UnsafeRawBufferPointer, at offset: Int) throws { try write(image, at: offset) }

    /// Notes that the source's first `count` images are laid out, once they are on the disk.
    func notePlaced(_ count: Int) throws {
        placed = count
        try noteDurably(Self.placedWord + "\(count)")
    }

    /// Notes what is written, once it is on the disk, and has the note there before anything else is written. Without
    /// that the journal, after a power cut, may tell of images as laid out that a later chunk has overwritten.
    private func noteDurably(_ line: String) throws {
        guard fdatasync(descriptor) == 0 else { throw systemFailure(.inputOutput, "flush", partial) }
        try note(line)
        guard fdatasync(journalDescriptor) == 0 else { throw systemFailure(.inputOutput, "flush", journal) }
    }

    private func note(_ line: String) throws {
        try Array((line + "\n").utf8).withUnsafeBytes {
            try AtomicFile.writeAll($0, to: journalDescriptor, path: journal)
        }
    }

    /// Reads what was laid out.
    func read(_ offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws {
        let section = try SectionStream(partial, offset: offset, count: bytes.count)
        guard try section.readFully(into: bytes) == bytes.count else {
            throw Failure(.inputOutput, "\(partial) was cut off while it was written; run the command again")
        }
    }

    /// Forgets the chunks from the given place among `chunks` on.
    func forget(from index: Int) throws {
        chunks.removeSubrange(index...)
        try rewrite()
    }

    /// Writes a chunk behind the others.
    ///
    /// - Parameters:
    ///   - level: of deflate, or nil. A chunk that does not become smaller is stored.
    ///   - offset: where the bytes lie in the file already. A chunk that is written elsewhere overwrites images that
    ///     were laid out before them: it is on the disk when this returns, and so is its line of the journal.
    func append(
        _ split: Split, images: Int, _ bytes: UnsafeRawBufferPointer, digest: [UInt8], level: Int?,
        liesAt offset: Int? = nil
    ) throws -> WrittenChunk {
        let packed = try level.map { try deflated(bytes, level: $0) }
        let isStored = packed.map { $0.count >= bytes.count } ?? true
        let isThere = isStored && offset == end
        if let packed, !isStored {
            try packed.withUnsafeBytes { try write($0) }
        } else if !isThere {
            try write(bytes)
        }
        let size = isStored ? bytes.count : packed?.count ?? 0
        let chunk = WrittenChunk(
            split: split, images: images,
            place: HDF5DataFile.Place(offset: end, size: size, isStored: isStored), digest: digest)
        end = Self.aligned(end + size)
        chunks.append(chunk)
        if offset != nil && !isThere { try noteDurably(chunk.line) } else { try note(chunk.line) }
        return chunk
    }

    private func deflated(_ bytes: UnsafeRawBufferPointer, level: Int) throws -> [UInt8] {
        var count = compressBound(UInt(bytes.count))
        return try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            let source = bytes.bindMemory(to: UInt8.self).baseAddress
            guard compress2(buffer.baseAddress, &count, source, UInt(bytes.count), Int32(level)) == Z_OK else {
                throw Failure(.unavailable, "zlib has no memory to deflate \(bytes.count) bytes")
            }
            filled = Int(count)
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int? = nil) throws {
        lseek(descriptor, off_t(offset ?? end), SEEK_SET)
        do { try AtomicFile.writeAll(bytes, to: descriptor, path: partial) } catch let failure as Failure {
            throw Failure(failure.code, "\(failure.message); run the command again to go on from there")
        }
    }

    /// Reads the bytes of a chunk that is written, as they were before deflate; false where they are not there.
    func read(_ chunk: WrittenChunk, into buffer: UnsafeMutableRawBufferPointer) throws -> Bool {
        do {
            let section = try SectionStream(partial, offset: chunk.place.offset, count: chunk.place.size)
            let stream: any ByteStream = chunk.place.isStored ? section : try InflateStream(section, .zlib)
            return try stream.readFully(into: buffer) == buffer.count
        } catch is StreamDamage { return false }
    }

    /// Ends the file with its index and gives it its name.
    ///
    /// - Returns: its size.
    func finish(head: [UInt8], index: [UInt8]) throws -> Int {
        try truncate(to: end)
        try index.withUnsafeBytes { try write($0) }
        try head.withUnsafeBytes { try write($0, at: 0) }
        guard fsync(descriptor) == 0 else { throw systemFailure(.inputOutput, "flush", partial) }
        guard rename(partial, path) == 0 else { throw systemFailure(.inputOutput, "rename into", path) }
        unlink(journal)
        let folder = (path as NSString).deletingLastPathComponent
        try AtomicFile.flushFolder(folder.isEmpty ? "." : folder)
        return end + index.count
    }
}

/// A chunk that is written.
struct WrittenChunk {
    let split: Split
    let images: Int
    let place: HDF5DataFile.Place
    /// SHA-256 of its images.
    let digest: [UInt8]

    /// Its line of the journal.
    var line: String {
        "\(split.rawValue) \(images) \(place.offset) \(place.size) \(place.isStored ? 1 : 0) \(digest.hexadecimal)"
    }

    init(split: Split, images: Int, place: HDF5DataFile.Place, digest: [UInt8]) {
        (self.split, self.images, self.place, self.digest) = (split, images, place, digest)
    }

    /// Nil where the line is none of a journal.
    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard words.count == 6, let split = Split(rawValue: String(words[0])), words[5].utf8.count == 64 else {
            return nil
        }
        let numbers = words[1...4].compactMap { Int($0) }.filter { $0 >= 0 }
        let digits = Array(words[5])
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        guard numbers.count == 4, bytes.count == 32, numbers[2] <= 1 << 31, numbers[1] <= 1 << 60 else { return nil }
        self.init(
            split: split, images: numbers[0],
            place: HDF5DataFile.Place(offset: numbers[1], size: numbers[2], isStored: numbers[3] == 1), digest: bytes)
    }
}
