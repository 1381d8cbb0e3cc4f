import Essentials
import Foundation
import HDF5Files
import Kernels

/// Makes one data file out of a set of any format: chunk by chunk, in memory of a few chunks, and whole or not at all
/// under its name.
///
/// Until it is whole the file is `SET.h5.partial`, and `SET.h5.partial.journal` lists its chunks. A conversion that was
/// interrupted goes on behind the last chunk whose digest is right.
///
/// Shuffled images are laid out first, each in its place of the file, in the order of the source; then chunk by chunk
/// becomes what it would be without. The file is its own room for that: memory needs no more, nor does the disk where
/// chunks are stored. A file to be deflated takes the size of its images, and of one chunk, until it is whole.
public struct Conversion {
    /// The file that was made.
    public struct Report: Sendable {
        /// The file.
        public let path: String
        /// Images of both splits.
        public let images: Int
        /// Bytes of the file.
        public let bytes: Int
        /// Images that an interrupted conversion had done.
        public let resumed: Int
        /// The set's digest.
        public let contentDigest: String
        /// True where the training images lie class by class: a window of chunks holds few classes then.
        public let isSorted: Bool
    }

    private let dataset: Dataset
    private let path: String
    private let level: Int?
    private let shuffle: UInt64?
    private let shape: ImageShape

    /// Prepares the conversion of a set.
    ///
    /// - Parameters:
    ///   - path: the file to make: its name ends with .h5.
    ///   - level: of deflate, 1 to 9; nil: chunks are stored as they are.
    ///   - shuffle: the seed of a permutation of each split's images; nil: they stay in the order of the source.
    /// - Throws: `Failure` 64 for another ending, 73 where the file is there already.
    public init(_ dataset: Dataset, to path: String, deflate level: Int? = nil, shuffle: UInt64? = nil) throws {
        guard HDF5Format.endings.contains((path as NSString).pathExtension.lowercased()) else {
            throw Failure(.usage, "\(path) would not be known for a data set: give it the ending .h5")
        }
        if let level, !(1...9).contains(level) {
            throw Failure(.usage, "deflate has the levels 1 (fast) to 9, not \(level)")
        }
        guard !FileManager.default.fileExists(atPath: path) else {
            throw Failure(.cannotCreate, "\(path) is there already: remove it or give another name")
        }
        (self.dataset, self.path, self.level, self.shuffle) = (dataset, path, level, shuffle)
        shape = dataset.description.shape
    }

    /// Converts.
    ///
    /// - Parameter progress: takes the images done and all images, after each chunk; what it throws ends the
    ///   conversion.
    /// - Throws: `Failure` as `Dataset.stream`; 73 where the file cannot be made or the file system has no room for it,
    ///   74 where writing fails: what is written stays for another try.
    public func run(progress: (Int, Int) throws -> Void) throws -> Report {
        let splits = [Split.train, .test].map { split in (split: split, count: dataset.files.count(split)) }
        let total = splits.reduce(0) { $0 + $1.count }
        let layout = RoughLayout(splits.map(\.count), shape: shape, isDeflated: level != nil)
        let partial = try GrowingFile(path, identity: try identity(), room: shuffle == nil ? 0 : layout.end)
        try requireRoom(for: total, beside: partial)
        let (records, resumed) =
            if let shuffle {
                try writeShuffled(splits, by: shuffle, layout, partial) { try progress($0, total) }
            } else {
                try writeInOrder(splits, partial) { try progress($0, total) }
            }
        let (head, index, digest) = try end(records, at: partial.end)
        let bytes = try partial.finish(head: head, index: index)
        let labels = records[0].labels
        let isSorted =
            shuffle == nil && labels.first != labels.last && zip(labels, labels.dropFirst()).allSatisfy { $0 <= $1 }
        return Report(
            path: path, images: total, bytes: bytes, resumed: resumed, contentDigest: digest, isSorted: isSorted)
    }

    /// Writes the chunks of both splits in the order of the source.
    ///
    /// - Returns: the facts of both splits, and the images that an interrupted conversion had done.
    private func writeInOrder(
        _ splits: [(split: Split, count: Int)], _ partial: GrowingFile, progress: (Int) throws -> Void
    ) throws -> ([SplitRecord], resumed: Int) {
        var records: [SplitRecord] = []
        var (done, resumed) = (0, 0)
        for (split, count) in splits {
            var record = SplitRecord(count: count, shape: shape, labels: try labels(split, count: count))
            try record.resume(split, partial)
            resumed += record.images
            if record.images < count { try write(split, &record, into: partial) { try progress(done + $0) } }
            done += count
            records.append(record)
        }
        return (records, resumed)
    }

    /// Lays the images of both splits out in an order that a seed draws, then writes their chunks.
    ///
    /// - Returns: the facts of both splits, and the images that an interrupted conversion had done.
    private func writeShuffled(
        _ splits: [(split: Split, count: Int)], by seed: UInt64, _ layout: RoughLayout, _ partial: GrowingFile,
        progress: (Int) throws -> Void
    ) throws -> ([SplitRecord], resumed: Int) {
        let orders = splits.map { order($0.split, $0.count, seed) }
        let sources = try splits.map { try labels($0.split, count: $0.count) }
        var records = zip(sources, orders).map { labels, order in
            SplitRecord(count: labels.count, shape: shape, labels: order.map { labels[Int($0)] })
        }
        let resumed = try resume(&records, splits.map(\.split), partial)
        // Each image counts half when it is laid out, half in its chunk.
        try lay(splits.map(\.split), orders, sources, layout, partial) { try progress($0 / 2) }
        var done = splits.reduce(0) { $0 + $1.count }
        for (number, (split, count)) in splits.enumerated() {
            try gather(split, number, &records[number], layout, partial) { try progress((done + $0) / 2) }
            done += count
        }
        return (records, resumed)
    }

    /// The labels of a split, as many as it said that it has images.
    private func labels(_ split: Split, count: Int) throws -> [UInt8] {
        let labels = try dataset.files.labels(split)
        guard labels.count == count else { throw changed(count, labels.count) }
        return labels
    }

    /// The source's index of each image of a shuffled split.
    private func order(_ split: Split, _ count: Int, _ seed: UInt64) -> [Int32] {
        var random = Philox(seed: seed, purpose: .conversionOrder, split == .test ? 1 : 0)
        return random.permutation(count)
    }

    /// Takes up the chunks of an interrupted shuffled conversion. Where one differs from its digest, images that it has
    /// overwritten may be lost, and all begins anew.
    ///
    /// - Returns: the images taken up.
    private func resume(_ records: inout [SplitRecord], _ splits: [Split], _ partial: GrowingFile) throws -> Int {
        let (chunks, fresh) = (partial.chunks.count, records)
        for (number, split) in splits.enumerated() { try records[number].resume(split, partial) }
        if partial.chunks.count < chunks {
            try partial.restart()
            records = fresh
        }
        return records.reduce(0) { $0 + $1.images }
    }

    /// Lays the source's images out in their new places, from the first that is not.
    private func lay(
        _ splits: [Split], _ orders: [[Int32]], _ sources: [[UInt8]], _ layout: RoughLayout, _ partial: GrowingFile,
        progress: (Int) throws -> Void
    ) throws {
        var before = 0
        for (number, split) in splits.enumerated() {
            let count = orders[number].count
            let first = max(0, partial.placed - before)
            if first < count {
                var places = [Int32](repeating: 0, count: count)
                for (place, index) in orders[number].enumerated() { places[Int(index)] = Int32(place) }
                var (since, told) = (0, 0)
                let streamed = try dataset.stream(split, wanted: { $0 >= first }) { index, image in
                    try partial.lay(image, at: layout.offset(of: Int(places[index]), split: number))
                    (since, told) = (since + image.count, told + image.count)
                    if since >= 1 << 30 {
                        try partial.notePlaced(before + index + 1)
                        since = 0
                    }
                    if told >= DataFile.chunkBytes {
                        try progress(before + index + 1)
                        told = 0
                    }
                }
                guard streamed.labels.elementsEqual(sources[number][first...]) else {
                    throw changed(count, first + streamed.labels.count)
                }
                try partial.notePlaced(before + count)
            }
            before += count
        }
    }

    /// Makes chunks of a split's images that are laid out.
    private func gather(
        _ split: Split, _ number: Int, _ record: inout SplitRecord, _ layout: RoughLayout, _ partial: GrowingFile,
        progress: (Int) throws -> Void
    ) throws {
        let size = shape.count
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: record.rows * size, alignment: 64)
        defer { buffer.deallocate() }
        while record.images < record.count {
            let images = min(record.rows, record.count - record.images)
            let offset = layout.offset(of: record.images, split: number)
            try partial.read(offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(images * size)]))
            try append(images, of: split, in: buffer, to: &record, partial, liesAt: offset)
            try progress(record.images)
        }
    }

    /// Writes the chunk of the images that a buffer of a chunk's size begins with.
    ///
    /// - Parameter offset: as `GrowingFile.append` takes it.
    private func append(
        _ images: Int, of split: Split, in buffer: UnsafeMutableRawBufferPointer, to record: inout SplitRecord,
        _ partial: GrowingFile, liesAt offset: Int? = nil
    ) throws {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(images * shape.count)])
        // Chunks are of one size: the last one is filled up with zeros.
        for i in bytes.count..<buffer.count { buffer[i] = 0 }
        let chunk = try partial.append(
            split, images: images, UnsafeRawBufferPointer(buffer), digest: Digest.of(bytes), level: level,
            liesAt: offset)
        record.add(chunk, bytes)
    }

    private func changed(_ count: Int, _ found: Int) -> Failure {
        Failure(
            .data,
            "\(dataset.description.name) has \(found) images where it had \(count): it changed while it was read; run "
                + "again"
        )
    }

    /// Streams a split from the first image that is not written.
    private func write(
        _ split: Split, _ record: inout SplitRecord, into partial: GrowingFile, progress: (Int) throws -> Void
    ) throws {
        let size = shape.count
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: record.rows * size, alignment: 64)
        defer { buffer.deallocate() }
        let first = record.images
        try progress(first)
        var filled = 0
        func flush() throws {
            try append(filled, of: split, in: buffer, to: &record, partial)
            filled = 0
            try progress(record.images)
        }
        let streamed = try dataset.stream(split, wanted: { $0 >= first }) { _, image in
            UnsafeMutableRawBufferPointer(rebasing: buffer[filled * size..<(filled + 1) * size]).copyMemory(from: image)
            filled += 1
            if filled == record.rows { try flush() }
        }
        if filled > 0 { try flush() }
        guard record.images == record.count, streamed.labels.elementsEqual(record.labels[first...]) else {
            throw changed(record.count, record.images)
        }
    }

    /// The head and the index of the file.
    private func end(_ records: [SplitRecord], at start: Int) throws -> (head: [UInt8], index: [UInt8], digest: String)
    {
        var tables: [UInt8] = []
        var datasets: [HDF5DataFile.Dataset] = []
        var described: [DataFile.Tables] = []
        var digests: [String] = []
        for (name, record) in zip(["train", "test"], records) {
            func add(_ bytes: [UInt8]) -> Int {
                defer { tables += bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8) }
                return tables.count
            }
            let labels = bytes(record.labels.map { Int32($0).littleEndian })
            let sums = bytes(record.sums.map(\.littleEndian))
            let places = bytes(record.chunks.flatMap { [$0.place.offset.littleEndian, $0.place.size.littleEndian] })
            let chunkDigests: [UInt8] = record.chunks.flatMap { $0.digest }
            let table = DataFile.Tables(
                count: record.count, rows: record.rows, labels: add(labels), digests: add(chunkDigests),
                sums: add(sums), places: add(places))
            described.append(table)
            digests.append(DataFile.digest(chunkDigests, labels))
            guard record.count > 0 else { continue }
            let extents = [shape.height, shape.width, shape.channels]
            datasets += [
                .chunks(
                    path: "\(name)/images", shape: [record.count] + extents, rows: record.rows,
                    places: record.chunks.map(\.place), isDeflated: level != nil),
                .run(path: "\(name)/labels", type: .int32, shape: [record.count], at: table.labels),
                .run(path: "\(name)/digests", type: .uint8, shape: [table.chunks, 32], at: table.digests),
                .run(path: "\(name)/pixel_sums", type: .int64, shape: extents, at: table.sums),
            ]
        }
        // The JSON stands before the tables and holds their places: room for it is taken by the largest places there
        // are.
        let description = dataset.description
        let notes = description.notes + (shuffle.map { ["images lie in an order drawn by seed \($0)"] } ?? [])
        func json(_ shift: Int) throws -> [UInt8] {
            let moved = described.map { table in
                DataFile.Tables(
                    count: table.count, rows: table.rows, labels: table.labels + shift, digests: table.digests + shift,
                    sums: table.sums + shift, places: table.places + shift)
            }
            let contents = DataFile.Contents(
                name: description.name, shape: shape, classes: description.classes,
                classNames: dataset.files.classNames, notes: notes, isDeflated: level != nil,
                train: moved[0], test: moved[1])
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            return Array(try encoder.encode(contents))
        }
        let room = (8 + (try json(1 << 52)).count + 7) / 8 * 8
        let text = try json(room)
        var own = bytes([text.count.littleEndian]) + text
        own += [UInt8](repeating: 0x20, count: room - own.count) + tables
        datasets = datasets.map { dataset in
            if case .run(let path, let type, let shape, let at) = dataset {
                return .run(path: path, type: type, shape: shape, at: at + room)
            }
            return dataset
        }
        datasets.append(.texts(path: "classes", description.classNames))
        let digest = DataFile.digest(of: digests)
        let (head, index) = HDF5DataFile.encode(
            datasets,
            attributes: [
                ("format", .string("steadfast-data")), ("format_version", .int64(Int64(DataFile.formatVersion))),
                ("content_digest", .string(digest)), ("name", .string(description.name)),
                ("product_version", .string(Product.version)),
            ], own: own, start: start)
        return (head, index, digest)
    }

    private func bytes(_ numbers: [some BitwiseCopyable]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

    /// The identity of an interrupted conversion, without which it cannot go on.
    private func identity() throws -> String {
        struct Identity: Encodable {
            let name: String
            let description: DatasetDescription
            let files: [String]
            let level: Int
            let shuffle: UInt64?
            let version: Int
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let files = try dataset.files.paths.map { "\($0) \(try FileState($0))" }
        let identity = Identity(
            name: dataset.description.name, description: dataset.description, files: files, level: level ?? 0,
            shuffle: shuffle, version: DataFile.formatVersion)
        return Digest.of(try encoder.encode(identity)).hexadecimal
    }

    /// Refuses what the file system has no room for, as far as it can be told before.
    private func requireRoom(for images: Int, beside partial: GrowingFile) throws {
        // What deflate leaves is not known before; shuffled images are laid out as they are.
        guard level == nil || shuffle != nil else { return }
        var facts = statvfs()
        guard statvfs(folder.isEmpty ? "." : folder, &facts) == 0 else { return }
        let (needed, free) = (images * shape.count - partial.held, Int(facts.f_bavail) * Int(facts.f_frsize))
        guard needed <= free else {
            throw Failure(
                .cannotCreate,
                "\(path) needs \(needed >> 20) MiB more and its file system has \(free >> 20): free some, or write "
                    + "elsewhere"
            )
        }
    }

    private var folder: String { (path as NSString).deletingLastPathComponent }
}

extension Digest {
    fileprivate static func of(_ data: Data) -> [UInt8] { data.withUnsafeBytes { of($0) } }
}

/// The places where a shuffled set's images are laid out before their chunks are made: as chunks that are stored will
/// lie, and those to be deflated one chunk further back, so that what is written never overwrites what is still to be
/// read.
private struct RoughLayout {
    private let starts: [Int]
    private let rows: [Int]
    private let strides: [Int]
    private let imageBytes: Int
    /// The end of the last chunk.
    let end: Int

    init(_ counts: [Int], shape: ImageShape, isDeflated: Bool) {
        imageBytes = shape.count
        rows = counts.map { DataFile.rows(of: shape, count: $0) }
        strides = rows.map { GrowingFile.aligned($0 * shape.count) }
        var place = HDF5DataFile.firstOffset + (isDeflated ? strides.max() ?? 0 : 0)
        var starts: [Int] = []
        for (split, count) in counts.enumerated() {
            starts.append(place)
            place += (count + rows[split] - 1) / rows[split] * strides[split]
        }
        (self.starts, end) = (starts, place)
    }

    func offset(of place: Int, split: Int) -> Int {
        starts[split] + place / rows[split] * strides[split] + place % rows[split] * imageBytes
    }
}

/// The facts of a split while its chunks are written.
private struct SplitRecord {
    let count: Int
    let rows: Int
    let labels: [UInt8]
    private(set) var chunks: [WrittenChunk] = []
    private(set) var images = 0
    private(set) var sums: [Int64]
    private var partial: [UInt32]

    init(count: Int, shape: ImageShape, labels: [UInt8]) {
        (self.count, self.labels) = (count, labels)
        rows = DataFile.rows(of: shape, count: count)
        sums = [Int64](repeating: 0, count: shape.count)
        partial = [UInt32](repeating: 0, count: shape.count)
    }

    /// Takes up the split's chunks of an interrupted conversion, each read and compared with its digest: up to the
    /// first that differs, from which on all is written anew.
    mutating func resume(_ split: Split, _ file: GrowingFile) throws {
        let size = sums.count
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: rows * size, alignment: 64)
        defer { buffer.deallocate() }
        for (index, chunk) in file.chunks.enumerated() where chunk.split == split {
            let isNext = images < count && chunk.images == min(rows, count - images)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(min(chunk.images, rows) * size)])
            guard isNext, try file.read(chunk, into: buffer), Digest.of(bytes) == chunk.digest else {
                return try file.forget(from: index)
            }
            add(chunk, bytes)
        }
        // Chunks of a later split do not stay where this one goes on.
        if images < count, let later = file.chunks.firstIndex(where: { $0.split != split && $0.split == .test }) {
            try file.forget(from: later)
        }
    }

    mutating func add(_ chunk: WrittenChunk, _ pixels: UnsafeRawBufferPointer) {
        chunks.append(chunk)
        images += chunk.images
        let size = sums.count
        // A chunk's sums fit 32 bits: at most 2^20 images of a byte.
        partial.withUnsafeMutableBufferPointer { partial in
            partial.update(repeating: 0)
            for image in 0..<chunk.images {
                let row = UnsafeRawBufferPointer(rebasing: pixels[image * size..<(image + 1) * size])
                for i in 0..<size { partial[i] &+= UInt32(row[i]) }
            }
        }
        for i in 0..<size { sums[i] += Int64(partial[i]) }
    }
}
