import Essentials
import Foundation
import HDF5Files

/// HDF5: one file with datasets of images and labels. Its metadata is parsed in a child process; the numbers are read
/// from their places in the file, so that libhdf5 sees none of them.
enum HDF5Format: DataFormat {
    static let name = "HDF5"
    static let endings = ["h5", "hdf5", "hdf"]
    static let parameters = DataOptions.ofArrays

    static func open(_ request: DataRequest) throws -> DataOpening {
        guard endings.contains((request.path as NSString).pathExtension.lowercased()) else {
            return .missing("is no HDF5 file")
        }
        if HDF5DataFile.isOne(request.path) { return .found(try ConvertedFiles(request)) }
        var head = [UInt8](repeating: 0, count: 16)
        _ = try head.withUnsafeMutableBytes { try FileStream(request.path).readFully(into: $0) }
        try MATFile.refuseLater(head, request.path)
        return .found(try ArrayFiles(HDF5Arrays(request.path), request.options))
    }
}

/// The datasets of an HDF5 file.
private struct HDF5Arrays: ArrayCollection {
    let label: String
    private let index: HDF5Index
    let names: [String]

    init(_ path: String) throws {
        label = path
        index = try UntrustedDecoder.index(path)
        // What cannot be read has its name too: whoever chooses it is told why.
        names = index.datasets.map(\.path) + index.others.keys.sorted()
    }

    func array(_ name: String) throws -> DataArray {
        guard let dataset = index.datasets.first(where: { $0.path == name }) else {
            let reason = index.others[name].map { "cannot be read: \($0)" } ?? "is not there"
            throw Failure(.data, "\(label): the dataset /\(name) \(reason)")
        }
        guard let kind = NumberKind(rawValue: dataset.type), !dataset.shape.isEmpty else {
            throw Failure(.data, "\(label): the dataset /\(name) is no array of numbers")
        }
        let path = label
        return try DataArray(
            label: "\(path):/\(name)", path: path, kind: kind, isBigEndian: dataset.isBigEndian, shape: dataset.shape
        ) {
            switch dataset.storage {
            case .contiguous(let offset):
                return try SectionStream(path, offset: offset, count: dataset.shape.reduce(kind.width, *))
            case .chunked(let shape, let filters, let chunks):
                return try ChunkedStream(
                    path, extents: dataset.shape, chunk: shape, filters: filters, chunks: chunks, width: kind.width)
            }
        }.checked()
    }
}

/// The numbers of a chunked dataset in row-major order: a band of rows, one chunk high, is put together at a time.
final class ChunkedStream: ByteStream {
    private let path: String
    private let extents: [Int]
    private let chunk: [Int]
    private let filters: [HDF5Index.Filter]
    private let width: Int
    private let bands: [Int: [HDF5Index.Chunk]]
    private let rowBytes: Int
    private var buffer: [UInt8] = []
    private var place = 0
    private var next = 0

    /// Bytes of a band at most.
    private static let mostBytes = 1 << 30

    init(
        _ path: String, extents: [Int], chunk: [Int], filters: [HDF5Index.Filter], chunks: [HDF5Index.Chunk], width: Int
    ) throws {
        (self.path, self.extents, self.chunk) = (path, extents, chunk)
        (self.filters, self.width) = (filters, width)
        guard extents.count == chunk.count, chunk.allSatisfy({ $0 > 0 }),
            chunks.allSatisfy({ $0.origin.count == extents.count && $0.origin[0] % chunk[0] == 0 })
        else { throw StreamDamage(reason: "its chunks do not fit its shape") }
        rowBytes = extents.dropFirst().reduce(width, *)
        let (band, overflow) = rowBytes.multipliedReportingOverflow(by: min(chunk[0], extents[0]))
        guard !overflow, band <= Self.mostBytes else {
            throw StreamDamage(reason: "a row of its chunks is \(band) bytes; rewrite it with smaller chunks")
        }
        bands = Dictionary(grouping: chunks) { $0.origin[0] / chunk[0] }
    }

    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        if place == buffer.count {
            guard next * chunk[0] < extents[0] else { return 0 }
            try load(next)
            next += 1
            place = 0
        }
        let count = min(target.count, buffer.count - place)
        buffer.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place..<place + count])) }
        place += count
        return count
    }

    private func load(_ band: Int) throws {
        let rows = min(chunk[0], extents[0] - band * chunk[0])
        if buffer.count != rows * rowBytes { buffer = [UInt8](repeating: 0, count: rows * rowBytes) }
        let pieces = bands[band] ?? []
        let expected = zip(extents, chunk).dropFirst().reduce(1) { $0 * (($1.0 + $1.1 - 1) / $1.1) }
        guard pieces.count == expected, Set(pieces.map(\.origin)).count == expected else {
            throw StreamDamage(reason: "chunks of rows \(band * chunk[0])... were never written")
        }
        for piece in pieces {
            let bytes = try unfiltered(piece)
            try copy(bytes, piece, firstRow: band * chunk[0], rows: rows)
        }
    }

    /// The bytes of a chunk, before its filters.
    private func unfiltered(_ piece: HDF5Index.Chunk) throws -> [UInt8] {
        let full = chunk.reduce(width, *)
        guard piece.size <= full + full / 8 + 1_024 else {
            throw StreamDamage(reason: "a chunk is larger than its numbers")
        }
        let section = try SectionStream(path, offset: piece.offset, count: piece.size)
        var bytes = [UInt8](repeating: 0, count: piece.size)
        guard try bytes.withUnsafeMutableBytes({ try section.readFully(into: $0) }) == piece.size else {
            throw StreamDamage(reason: "it is cut off")
        }
        for (index, filter) in filters.enumerated().reversed() where piece.mask & (1 << UInt32(index)) == 0 {
            switch filter {
            case .fletcher32:
                guard bytes.count >= 4, bytes.number(bytes.count - 4, 4) == Int(fletcher32(bytes.dropLast(4))) else {
                    throw StreamDamage(reason: "the chunk at \(piece.origin) differs from its checksum")
                }
                bytes.removeLast(4)
            case .deflate:
                let stream = try InflateStream(MemoryStream(bytes), .zlib)
                // A checksum before it in the order of filters adds its bytes.
                let room = full + 4 * filters.count
                bytes = [UInt8](repeating: 0, count: room)
                let got = try bytes.withUnsafeMutableBytes { try stream.readFully(into: $0) }
                guard try stream.drain() == 0 else {
                    throw StreamDamage(reason: "a chunk unpacks to more than its numbers")
                }
                bytes.removeLast(room - got)
            case .shuffle:
                bytes = unshuffled(bytes)
            }
        }
        guard bytes.count == full else { throw StreamDamage(reason: "a chunk holds \(bytes.count) of \(full) bytes") }
        return bytes
    }

    private func unshuffled(_ bytes: [UInt8]) -> [UInt8] {
        let count = bytes.count / width
        guard width > 1 else { return bytes }
        var result = bytes
        for i in 0..<count {
            for byte in 0..<width { result[i * width + byte] = bytes[byte * count + i] }
        }
        return result
    }

    /// HDF5's checksum of Fletcher's kind, over big-endian words of 16 bits.
    private func fletcher32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var (first, second): (UInt32, UInt32) = (0, 0)
        var at = bytes.startIndex
        func fold(_ sum: UInt32) -> UInt32 { (sum & 0xFFFF) + (sum >> 16) }
        var left = bytes.count / 2
        while left > 0 {
            let block = min(left, 360)
            left -= block
            for _ in 0..<block {
                first &+= UInt32(bytes[at]) << 8 | UInt32(bytes[at + 1])
                second &+= first
                at += 2
            }
            (first, second) = (fold(first), fold(second))
        }
        if bytes.count % 2 == 1 {
            first &+= UInt32(bytes[at]) << 8
            second &+= first
            (first, second) = (fold(first), fold(second))
        }
        (first, second) = (fold(first), fold(second))
        return second << 16 | first
    }

    /// Puts a chunk's numbers that lie inside the extents in their places: runs along the last axis.
    private func copy(_ bytes: [UInt8], _ piece: HDF5Index.Chunk, firstRow: Int, rows: Int) throws {
        let rank = extents.count
        var (targetStrides, sourceStrides) = (
            [Int](repeating: width, count: rank), [Int](repeating: width, count: rank)
        )
        for axis in stride(from: rank - 2, through: 0, by: -1) {
            targetStrides[axis] = targetStrides[axis + 1] * extents[axis + 1]
            sourceStrides[axis] = sourceStrides[axis + 1] * chunk[axis + 1]
        }
        var origin = piece.origin
        origin[0] -= firstRow
        let bounds = [rows] + extents.dropFirst()
        guard zip(origin, bounds).allSatisfy({ $0 >= 0 && $0 < $1 }) else {
            throw StreamDamage(reason: "a chunk lies outside of its shape")
        }
        let counts = (0..<rank).map { min(chunk[$0], bounds[$0] - origin[$0]) }
        let run = counts[rank - 1] * width
        var index = [Int](repeating: 0, count: rank)
        bytes.withUnsafeBytes { source in
            buffer.withUnsafeMutableBytes { target in
                while true {
                    var (from, to) = (0, 0)
                    for axis in 0..<rank {
                        from += index[axis] * sourceStrides[axis]
                        to += (origin[axis] + index[axis]) * targetStrides[axis]
                    }
                    UnsafeMutableRawBufferPointer(rebasing: target[to..<to + run])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<from + run]))
                    var axis = rank - 2
                    while axis >= 0 {
                        index[axis] += 1
                        if index[axis] < counts[axis] { break }
                        index[axis] = 0
                        axis -= 1
                    }
                    if axis < 0 { return }
                }
            }
        }
    }
}

/// Bytes in memory as a stream.
final class MemoryStream: ByteStream {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, bytes.count - place)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place..<place + count])) }
        place += count
        return count
    }
}
