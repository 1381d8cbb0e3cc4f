import Essentials
import Foundation
import HDF5Files
import Kernels

/// A data set that `steadfast data convert` made: one HDF5 file with its images in chunks, each of which has a SHA-256
/// in the index, which the seal covers.
///
/// The index is verified when the file is opened, a chunk each time it is read; libhdf5 parses nothing. Reading is
/// local, and any number of threads may do it.
public final class DataFile: Sendable {
    /// The first number of the file's attribute `format_version`.
    static let formatVersion = 1
    /// Bytes of a chunk of images, at most, unless one image is larger.
    static let chunkBytes = 1 << 20

    /// Images of a chunk, of so many.
    static func rows(of shape: ImageShape, count: Int) -> Int { max(1, min(count, chunkBytes / max(1, shape.count))) }

    /// The part of a split that all its readers need.
    public struct SplitIndex: Sendable {
        /// The number of images.
        public let count: Int
        /// Images of a chunk; the last one may hold fewer.
        public let rows: Int
        /// The class of each image.
        public let labels: [UInt8]
        /// The sum of each pixel over all images, HWC.
        public let pixelSums: [Int64]
        /// Hexadecimal SHA-256 of the chunks' digests, in order, then the labels as int32.
        public let digest: String
        let digests: [UInt8]
        let places: [HDF5DataFile.Place]

        /// The number of chunks.
        public var chunks: Int { places.count }
        /// The images of a chunk.
        public func images(ofChunk chunk: Int) -> Range<Int> { chunk * rows..<min(count, (chunk + 1) * rows) }
    }

    /// Where it is.
    public let path: String
    /// The shape of every image.
    public let shape: ImageShape
    /// The training images; none where the set is for evaluation alone.
    public let train: SplitIndex
    /// The test images; none where the set has no test split.
    public let test: SplitIndex
    /// Hexadecimal SHA-256 of both splits' digests.
    public let contentDigest: String
    let contents: Contents
    private let descriptor: Int32

    /// The index's facts of the set, in JSON at its beginning.
    struct Contents: Codable {
        var formatVersion = DataFile.formatVersion
        let name: String
        let shape: ImageShape
        let classes: Int
        let classNames: [String]?
        let notes: [String]
        let isDeflated: Bool
        let train: Tables
        let test: Tables
    }

    /// Where a split's tables lie in the index.
    struct Tables: Codable {
        let count: Int
        let rows: Int
        /// int32 [count].
        let labels: Int
        /// uint8 [chunks, 32].
        let digests: Int
        /// int64 [height, width, channels].
        let sums: Int
        /// uint64 [chunks, 2]: offset and size in the file.
        let places: Int

        var chunks: Int { (count + rows - 1) / rows }
    }

    /// Opens a file and verifies its index.
    ///
    /// - Throws: `Failure` 65 where it is damaged or of a newer version, 66 or 74 where it cannot be read.
    public init(_ path: String) throws {
        self.path = path
        let index = try HDF5DataFile.readIndex(path)
        func refuse(_ reason: String) -> Failure { Failure(.data, "\(path) \(reason)") }
        let length = index.number(0, 8)
        guard length <= index.count - 8, length <= 1 << 24 else { throw refuse("has a damaged index") }
        struct Version: Decodable { let formatVersion: Int }
        let json = Data(index[8..<8 + length])
        guard let version = try? JSONDecoder().decode(Version.self, from: json) else {
            throw refuse("is no data set of steadfast")
        }
        guard version.formatVersion <= Self.formatVersion else {
            throw refuse("has format version \(version.formatVersion), made by a newer steadfast: update this one")
        }
        guard let contents = try? JSONDecoder().decode(Contents.self, from: json) else {
            throw refuse("has a damaged index")
        }
        self.contents = contents
        shape = contents.shape
        let extents = [shape.height, shape.width, shape.channels]
        guard extents.allSatisfy({ (1...1 << 20).contains($0) }), shape.count <= 1 << 28,
            (1...256).contains(contents.classes), contents.classNames.map({ $0.count == contents.classes }) ?? true,
            let train = Self.split(contents.train, index, contents),
            let test = Self.split(contents.test, index, contents), train.count + test.count > 0
        else { throw refuse("has an index that says what cannot be") }
        (self.train, self.test) = (train, test)
        contentDigest = Self.digest(of: [train.digest, test.digest])
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "read", path) }
    }

    deinit { close(descriptor) }

    private static func split(_ tables: Tables, _ index: [UInt8], _ contents: Contents) -> SplitIndex? {
        let size = contents.shape.count
        guard (0...Int(Int32.max)).contains(tables.count), (1...1 << 28).contains(tables.rows) else { return nil }
        let (bytes, overflow) = tables.rows.multipliedReportingOverflow(by: size)
        let needs = [
            (tables.labels, 4 * tables.count), (tables.digests, 32 * tables.chunks), (tables.sums, 8 * size),
            (tables.places, 16 * tables.chunks),
        ]
        guard !overflow, bytes <= 1 << 30,
            needs.allSatisfy({ (0...index.count).contains($0.0) && $0.1 <= index.count - $0.0 })
        else { return nil }
        let labels = index.withUnsafeBytes { bytes in
            (0..<tables.count).map {
                Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: tables.labels + 4 * $0, as: Int32.self))
            }
        }
        guard labels.allSatisfy({ (0..<Int32(contents.classes)).contains($0) }) else { return nil }
        let places = (0..<tables.chunks).map { chunk in
            let size = index.number(tables.places + 16 * chunk + 8, 8)
            return HDF5DataFile.Place(
                offset: index.number(tables.places + 16 * chunk, 8), size: size, isStored: size == bytes)
        }
        guard places.allSatisfy({ $0.size <= bytes && $0.size > 0 && (contents.isDeflated || $0.isStored) }) else {
            return nil
        }
        let digests = Array(index[tables.digests..<tables.digests + 32 * tables.chunks])
        return SplitIndex(
            count: tables.count, rows: tables.rows, labels: labels.map { UInt8($0) },
            pixelSums: (0..<size).map { Int64(index.number(tables.sums + 8 * $0, 8)) },
            digest: digest(digests, Array(index[tables.labels..<tables.labels + 4 * tables.count])), digests: digests,
            places: places)
    }

    /// A split's digest out of its chunks' digests and its labels, each an int32.
    static func digest(_ digests: [UInt8], _ labels: [UInt8]) -> String {
        let digest = Digest()
        digest.update(digests)
        digest.update(labels)
        return digest.finish().hexadecimal
    }

    /// The digest of a set out of its splits' digests.
    static func digest(of splits: [String]) -> String {
        let digest = Digest()
        for split in splits { digest.update(split) }
        return digest.finish().hexadecimal
    }

    /// The index of a split.
    public func index(_ split: Split) -> SplitIndex { split == .test ? test : train }

    /// Bytes of a split's full chunk.
    public func chunkSize(_ split: Split) -> Int { index(split).rows * shape.count }

    /// Reads a chunk's images, and compares them with their digest.
    ///
    /// - Parameter pixels: takes the images, HWC each: room for `chunkSize` bytes. What follows a short last chunk's
    ///   images is undefined.
    /// - Throws: `Failure` 65 naming the chunk where it differs from its digest, 74 where it cannot be read.
    public func read(_ split: Split, chunk: Int, into pixels: UnsafeMutableRawBufferPointer) throws {
        let index = index(split)
        let full = chunkSize(split)
        precondition(pixels.count >= full && (0..<index.chunks).contains(chunk), "chunk \(chunk) of \(index.chunks)")
        let place = index.places[chunk]
        let images = index.images(ofChunk: chunk)
        func damaged(_ reason: String) -> Failure {
            Failure(
                .data,
                "\(path): chunk \(chunk) of the \(split == .test ? "test" : "training") images (\(images.lowerBound)..."
                    + "\(images.upperBound - 1)) \(reason); copy the file again or convert anew")
        }
        if place.isStored {
            guard try readBytes(place, into: UnsafeMutableRawBufferPointer(rebasing: pixels[..<full])) else {
                throw damaged("is cut off")
            }
        } else {
            var packed = [UInt8](repeating: 0, count: place.size)
            guard try packed.withUnsafeMutableBytes({ try readBytes(place, into: $0) }) else {
                throw damaged("is cut off")
            }
            do {
                let stream = try InflateStream(MemoryStream(packed), .zlib)
                guard try stream.readFully(into: UnsafeMutableRawBufferPointer(rebasing: pixels[..<full])) == full,
                    try stream.drain() == 0
                else { throw damaged("unpacks to another size") }
            } catch let damage as StreamDamage { throw damaged("is damaged: \(damage.reason)") }
        }
        let digest = Digest.of(UnsafeRawBufferPointer(rebasing: pixels[..<(images.count * shape.count)]))
        guard digest.elementsEqual(index.digests[32 * chunk..<32 * (chunk + 1)]) else {
            throw damaged("differs from its SHA-256 in the index")
        }
    }

    /// False where the file ends before.
    private func readBytes(_ place: HDF5DataFile.Place, into bytes: UnsafeMutableRawBufferPointer) throws -> Bool {
        try readFully(bytes, from: descriptor, at: place.offset, path: path) == bytes.count
    }

    /// Reads every chunk, one thread a core.
    ///
    /// - Throws: `Failure` as `read`, of the first chunk that is damaged.
    public func verify() throws {
        for split in [Split.train, .test] {
            let chunks = index(split).chunks
            let outcomes = Outcomes()
            let threads = min(ProcessInfo.processInfo.activeProcessorCount, max(1, chunks))
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                let pixels = UnsafeMutableRawBufferPointer.allocate(byteCount: self.chunkSize(split), alignment: 64)
                defer { pixels.deallocate() }
                for chunk in stride(from: thread, to: chunks, by: threads) {
                    if let first = outcomes.first, first < chunk { break }
                    do { try self.read(split, chunk: chunk, into: pixels) } catch { outcomes.note(error, chunk) }
                }
            }
            if let failure = outcomes.failure { throw failure }
        }
    }

    /// The failure of the first chunk that several threads found damaged.
    private final class Outcomes: @unchecked Sendable {
        private let lock = NSLock()
        private var found: (chunk: Int, error: any Error)?

        var first: Int? { lock.withLock { found?.chunk } }
        var failure: (any Error)? { lock.withLock { found?.error } }

        func note(_ error: any Error, _ chunk: Int) {
            lock.withLock { if found.map({ $0.chunk > chunk }) ?? true { found = (chunk, error) } }
        }
    }
}

/// A converted set as a format.
struct ConvertedFiles: DataFiles {
    let file: DataFile

    var shape: ImageShape { file.shape }
    var classes: Int { file.contents.classes }
    var classNames: [String]? { file.contents.classNames }
    var trainCount: Int { file.train.count }
    var testCount: Int { file.test.count }
    var paths: [String] { [file.path] }
    var notes: [String] { file.contents.notes }

    init(_ request: DataRequest) throws {
        guard request.options.given.isSubset(of: DataOptions.ofAll) else {
            throw Failure(
                .usage, "\(request.path) is a converted set, which says all of itself: leave its parameters out")
        }
        file = try DataFile(request.path)
    }

    var chunkRows: Int { file.train.rows }

    func labels(_ split: Split) -> [UInt8] { file.index(split).labels }

    /// Reads those chunks that hold images which are wanted.
    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let index = file.index(split)
        var indices: [Int32] = []
        if index.count > 0 {
            let size = shape.count
            let pixels = UnsafeMutableRawBufferPointer.allocate(byteCount: file.chunkSize(split), alignment: 64)
            defer { pixels.deallocate() }
            for chunk in 0..<index.chunks {
                let images = index.images(ofChunk: chunk)
                let kept = images.filter(wanted)
                guard !kept.isEmpty else { continue }
                try file.read(split, chunk: chunk, into: pixels)
                for place in kept {
                    indices.append(Int32(place))
                    let start = (place - images.lowerBound) * size
                    try image(place, UnsafeRawBufferPointer(rebasing: pixels[start..<start + size]))
                }
            }
        }
        return StreamedImages(
            indices: indices, labels: indices.map { index.labels[Int($0)] }, contentDigest: index.digest,
            files: index.count == 0 ? [] : [FileReport(path: file.path, digest: index.digest, isOfficial: nil)])
    }
}
