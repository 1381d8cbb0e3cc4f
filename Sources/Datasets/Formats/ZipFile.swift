import Essentials
import Foundation

/// The directory of a zip archive (APPNOTE 6.3.3), members stored or deflated, zip64 included. Own reader: an archive
/// from anywhere is parsed here.
struct ZipFile: Sendable {
    /// A member.
    struct Member: Sendable {
        let name: String
        let isDeflated: Bool
        let checksum: UInt32
        let compressedSize: Int
        let size: Int
        let headerOffset: Int
    }

    let path: String
    let members: [Member]

    /// Members of an archive at most.
    private static let mostMembers = 10_000

    /// Reads the directory at the file's end.
    ///
    /// - Throws: `Failure` 65 naming what is wrong: no zip archive, cut off, encrypted or otherwise compressed members,
    ///   an absolute path or one that leaves its folder, a member that claims more than deflate can pack.
    init(_ path: String) throws {
        self.path = path
        let file = try FileStream(path)
        func refuse(_ reason: String) -> Failure { Failure(.data, "\(path) \(reason)") }
        let tail = try file.tail(min(file.size, 65_557)) ?? []
        guard let end = Self.endRecord(tail) else {
            throw refuse("is no zip archive, or is cut off: it has no directory at its end; copy it again")
        }
        var (count, size, offset) = (tail.number(end + 10, 2), tail.number(end + 12, 4), tail.number(end + 16, 4))
        // Zip64: the locator lies 20 bytes before.
        if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF, end >= 20,
            tail.number(end - 20, 4) == 0x0706_4B50
        {
            let record = try Self.read(path, tail.number(end - 12, 8), 56, refuse)
            guard record.number(0, 4) == 0x0606_4B50 else { throw refuse("has a damaged zip64 directory") }
            (count, size, offset) = (record.number(32, 8), record.number(40, 8), record.number(48, 8))
        }
        guard count <= Self.mostMembers, size <= 64 << 20 else {
            throw refuse("has more than \(Self.mostMembers) members")
        }
        let directory = try Self.read(path, offset, size, refuse)
        var members: [Member] = []
        var at = 0
        while members.count < count {
            guard at + 46 <= directory.count, directory.number(at, 4) == 0x0201_4B50 else {
                throw refuse("has a damaged directory")
            }
            let (nameLength, extraLength) = (directory.number(at + 28, 2), directory.number(at + 30, 2))
            let next = at + 46 + nameLength + extraLength + directory.number(at + 32, 2)
            guard next <= directory.count,
                let name = String(validating: directory[(at + 46)..<(at + 46 + nameLength)], as: UTF8.self)
            else { throw refuse("has a damaged directory") }
            let (flags, method) = (directory.number(at + 8, 2), directory.number(at + 10, 2))
            guard flags & 1 == 0 else { throw refuse("has an encrypted member '\(name)'; save it without a password") }
            guard method == 0 || method == 8 else {
                throw refuse("has a member '\(name)' of compression \(method); stored and deflated ones are read")
            }
            guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
                throw refuse("has a member with the path '\(name)', which leads out of the archive")
            }
            var sizes = [directory.number(at + 24, 4), directory.number(at + 20, 4), directory.number(at + 42, 4)]
            Self.widen(&sizes, directory, (at + 46 + nameLength)..<(at + 46 + nameLength + extraLength))
            let member = Member(
                name: name, isDeflated: method == 8, checksum: UInt32(directory.number(at + 16, 4)),
                compressedSize: sizes[1], size: sizes[0], headerOffset: sizes[2])
            guard sizes.allSatisfy({ (0...file.size).contains($0) }) || method == 8,
                member.size / 1032 <= member.compressedSize, member.compressedSize <= file.size,
                method == 8 || member.size == member.compressedSize
            else {
                throw refuse(
                    "has a member '\(name)' that claims \(member.size) bytes of \(member.compressedSize) stored ones")
            }
            members.append(member)
            at = next
        }
        guard Set(members.map(\.name)).count == members.count else { throw refuse("has two members of one name") }
        self.members = members
    }

    /// The content of a member, its checksum verified at the end.
    func open(_ member: Member) throws -> any ByteStream {
        func refuse(_ reason: String) -> Failure { Failure(.data, "\(path) \(reason)") }
        let header = try Self.read(path, member.headerOffset, 30, refuse)
        guard header.number(0, 4) == 0x0403_4B50 else { throw StreamDamage(reason: "its header is damaged") }
        let start = member.headerOffset + 30 + header.number(26, 2) + header.number(28, 2)
        let stored = try SectionStream(path, offset: start, count: member.compressedSize)
        return CheckedStream(
            member.isDeflated ? try InflateStream(stored, .raw) : stored, size: member.size, checksum: member.checksum)
    }

    private static func endRecord(_ tail: [UInt8]) -> Int? {
        guard tail.count >= 22 else { return nil }
        return stride(from: tail.count - 22, through: 0, by: -1).first {
            tail.number($0, 4) == 0x0605_4B50 && $0 + 22 + tail.number($0 + 20, 2) == tail.count
        }
    }

    /// Sizes of 0xFFFFFFFF stand in the zip64 field (id 1), in this order.
    private static func widen(_ sizes: inout [Int], _ bytes: [UInt8], _ extra: Range<Int>) {
        var at = extra.lowerBound
        while at + 4 <= extra.upperBound {
            let (id, length) = (bytes.number(at, 2), bytes.number(at + 2, 2))
            if id == 1 {
                var place = at + 4
                for index in sizes.indices
                where sizes[index] == 0xFFFF_FFFF && place + 8 <= min(at + 4 + length, extra.upperBound) {
                    sizes[index] = bytes.number(place, 8)
                    place += 8
                }
            }
            at += 4 + length
        }
    }

    private static func read(
        _ path: String, _ offset: Int, _ count: Int, _ refuse: (String) -> Failure
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        do {
            let section = try SectionStream(path, offset: offset, count: count)
            guard try bytes.withUnsafeMutableBytes({ try section.readFully(into: $0) }) == count else {
                throw refuse("is cut off; copy it again")
            }
        } catch is StreamDamage {
            throw refuse("is cut off or damaged: its directory leads beyond its end; copy it again")
        }
        return bytes
    }
}

extension [UInt8] {
    /// A little-endian number of `count` bytes; one beyond Int is Int.max. Zero beyond the array's end.
    func number(_ at: Int, _ count: Int) -> Int {
        guard at >= 0, at + count <= self.count else { return 0 }
        return Int(clamping: (0..<count).reduce(UInt64(0)) { $0 | UInt64(self[at + $1]) << UInt64(8 * $1) })
    }
}

/// A stream that has to have a size and a checksum; a longer one is cut off where it goes too far, so that it cannot
/// fill memory or time.
private final class CheckedStream: ByteStream {
    private let source: any ByteStream
    private let expected: UInt32
    private var left: Int
    private var checksum = CRC32()

    init(_ source: any ByteStream, size: Int, checksum: UInt32) {
        self.source = source
        expected = checksum
        left = size
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let got = try source.read(into: buffer)
        guard got <= left else { throw StreamDamage(reason: "it is longer than its archive says") }
        left -= got
        checksum.add(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        if got == 0, !buffer.isEmpty {
            guard left == 0 else { throw StreamDamage(reason: "it is shorter than its archive says") }
            guard checksum.value == expected else {
                throw StreamDamage(reason: "its content differs from its checksum")
            }
        }
        return got
    }
}
