import Datasets
import Essentials
import Foundation
import MessagePassing

/// A data set whose files one rank of each host reads for all ranks there: a file system that the hosts share serves as many
/// readers as there are hosts.
///
/// Each rank holds the images that it asked for and no others; beside them, the ranks of a host may share one copy of as many as
/// they like.
public final class HostDataset {
    /// The set, as far as its names and headers say.
    public let description: DatasetDescription
    /// The ranks of this host, its reader first.
    private let host: Communicator
    private let agreement: ReaderAgreement
    /// On the reader alone.
    private let dataset: Dataset?

    /// The number of ranks on this rank's host.
    public var ranksOfHost: Int { host.worldSize }

    /// Finds the set: each host's reader, its lowest rank, looks for it by name, in `directory` first, as `Dataset.locate`.
    /// Collective: every rank of the communicator calls this, and in the end `close`.
    ///
    /// - Throws: `Failure` as `Dataset.locate`; all ranks throw together.
    public init(_ name: String, directory: String?, communicator: Communicator) throws {
        host = try communicator.splitByNode()
        agreement = try ReaderAgreement(communicator, isReader: host.rank == 0)
        dataset = try agreement.agree { try Dataset.locate(name, directory: directory) }
        description = try host.share(dataset?.description)
    }

    /// Reads and verifies the files of a split whole, and keeps the images that are `wanted` by this rank, which says so of each
    /// in the files' order. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.read`; all ranks throw together.
    public func read(_ split: Split, wanted: [Bool]) throws -> ImageSet {
        let wishes = try host.gather(wanted)
        let (read, source) = try readFiles(split) { index in wishes?.contains { $0[index] } == true }
        return try deal(read, source, wishes, wanted)
    }

    /// The same, and beside it the images that are `shared`, in one copy for all ranks of the host, who say so of the same images.
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.read` and `SharedMemory`; all ranks throw together.
    public func read(_ split: Split, shared: [Bool], wanted: [Bool]) throws -> (shared: ImageSet, own: ImageSet) {
        let wishes = try host.gather(wanted)
        let (read, source) = try readFiles(split) { index in
            shared[index] || wishes?.contains { $0[index] } == true
        }
        return (try share(read, source, shared), try deal(read, source, wishes, wanted))
    }

    /// What the reader keeps of the files, nil on the others, and what all have to know of them. Collective.
    private func readFiles(_ split: Split, keep: (Int) -> Bool) throws -> (read: ImageSet?, source: Source) {
        let read =
            try agreement.agree {
                try dataset?.read(split) { index in
                    Progress.beat()
                    return keep(index)
                }
            } ?? nil
        return (read, try host.share(read.map { Source(contentDigest: $0.contentDigest, files: $0.files) }))
    }

    /// Gives each rank of the host the images that it wants; the reader has all `wishes`. Collective.
    private func deal(_ read: ImageSet?, _ source: Source, _ wishes: [[Bool]]?, _ wanted: [Bool]) throws -> ImageSet {
        if let read, let wishes {
            for rank in 1..<wishes.count {
                let images = read.filter { wishes[rank][$0] }
                try images.labels.withUnsafeBytes { try host.transfer($0, to: rank) }
                try images.withPixels { try host.transfer(UnsafeRawBufferPointer($0), to: rank) }
            }
            return read.filter { wanted[$0] }
        }
        let indices = wanted.indices.filter { wanted[$0] }
        return ImageSet(
            shape: description.shape, indices: indices.map(Int32.init),
            labels: try host.receive(indices.count), pixels: try host.receive(indices.count * description.shape.count),
            contentDigest: source.contentDigest, files: source.files)
    }

    /// Puts images where all ranks of the host see them. Collective.
    private func share(_ read: ImageSet?, _ source: Source, _ shared: [Bool]) throws -> ImageSet {
        let (indices, size) = (shared.indices.filter { shared[$0] }, description.shape.count)
        let slots = read.map { read in read.indices.indices.filter { shared[Int(read.indices[$0])] } } ?? []
        let made =
            try agreement.agree {
                try read.map { read in
                    try SharedMemory(count: indices.count * size) { bytes in
                        read.withPixels { pixels in
                            for (place, slot) in slots.enumerated() {
                                UnsafeMutableRawBufferPointer(rebasing: bytes[place * size..<(place + 1) * size])
                                    .copyBytes(from: pixels[slot * size..<(slot + 1) * size])
                            }
                        }
                    }
                }
            } ?? nil
        let place = try host.broadcast(made?.place ?? SharedMemory.Place())
        let labels = try host.broadcast(slots.compactMap { read?.labels[$0] })
        let memory = try agreement.world.agree { try made ?? SharedMemory(at: place) }
        return ImageSet(
            shape: description.shape, indices: indices.map(Int32.init), labels: labels, pixels: memory.bytes,
            of: memory, contentDigest: source.contentDigest, files: source.files)
    }

    /// Ends the use. Collective.
    public func close() throws {
        try agreement.close()
        try host.finish()
    }

    /// What the ranks of a host have to know of the files.
    private struct Source: Codable {
        let contentDigest: String
        let files: [FileReport]
    }
}

/// How all ranks agree on what the readers found: what all readers miss is not told as one rank's affair.
private struct ReaderAgreement {
    let world: Communicator
    let readers: Communicator
    let isReader: Bool

    /// Collective.
    init(_ world: Communicator, isReader: Bool) throws {
        (self.world, self.isReader) = (world, isReader)
        readers = try world.split(color: isReader ? 0 : 1, key: world.rank)
    }

    /// What the body returns, nil on ranks that are no readers. Collective; the body is local.
    func agree<Value>(_ body: () throws -> Value) throws -> Value? {
        guard isReader else { return try world.agree { nil } }
        var outcome = Result { try body() }
        var isFound = true
        if case .failure = outcome { isFound = false }
        if try readers.allReduce(Int64(isFound ? 1 : 0), .max) == 0 {
            outcome = Result { [outcome] in try readers.agree { try outcome.get() } }
        }
        return try world.agree { try outcome.get() }
    }

    /// Collective.
    func close() throws { try readers.finish() }
}

/// Messages between the reader, rank 0 of its host, and the other ranks there.
extension Communicator {
    /// The bytes of one message at most.
    private static let piece = 1 << 28

    /// Gives all ranks the value of rank 0. Collective.
    fileprivate func share<Value: Codable>(_ value: Value?) throws -> Value {
        let own = try value.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) } ?? ""
        let text = try broadcast(own)
        if let value { return value }
        return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }

    fileprivate func transfer(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
        // A sender's bytes are only read.
        try pieces(UnsafeMutableRawBufferPointer(mutating: bytes)) { try transfer($0, from: 0, to: rank) }
    }

    fileprivate func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try pieces($0) { try transfer($0, from: 0, to: rank) } }
        return bytes
    }

    private func pieces(
        _ bytes: UnsafeMutableRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        for start in stride(from: 0, to: bytes.count, by: Self.piece) {
            try body(UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + Self.piece, bytes.count)]))
        }
    }
}
