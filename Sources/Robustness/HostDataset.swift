import Datasets
import Essentials
import Foundation
import MessagePassing

/// A data set whose files one rank of each host reads for all ranks there: a file system that the hosts share serves as many
/// readers as there are hosts.
///
/// Each rank holds the images that it asked for and no others. What the ranks of a host train on has no image in common: together
/// that is at most one copy of the set.
public final class HostDataset {
    /// The set, as far as its names and headers say.
    public let description: DatasetDescription
    /// The ranks of this host, its reader first.
    private let host: Communicator
    private let agreement: ReaderAgreement
    /// On the reader alone.
    private let dataset: Dataset?

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
        let read =
            try agreement.agree {
                try dataset?.read(split) { index in
                    Progress.beat()
                    return wishes?.contains { $0[index] } == true
                }
            } ?? nil
        let source = try host.share(read.map { Source(contentDigest: $0.contentDigest, files: $0.files) })
        if let read, let wishes {
            for rank in 1..<wishes.count {
                let images = read.filter { wishes[rank][$0] }
                try host.transfer(images.labels, to: rank)
                try host.transfer(images.pixels, to: rank)
            }
            return read.filter { wanted[$0] }
        }
        let indices = wanted.indices.filter { wanted[$0] }
        return ImageSet(
            shape: description.shape, indices: indices.map(Int32.init),
            labels: try host.receive(indices.count), pixels: try host.receive(indices.count * description.shape.count),
            contentDigest: source.contentDigest, files: source.files)
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

    fileprivate func transfer(_ bytes: [UInt8], to rank: Int) throws {
        var bytes = bytes
        try pieces(&bytes) { try transfer($0, from: 0, to: rank) }
    }

    fileprivate func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try pieces(&bytes) { try transfer($0, from: 0, to: rank) }
        return bytes
    }

    private func pieces(_ bytes: inout [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
        try bytes.withUnsafeMutableBytes { all in
            for start in stride(from: 0, to: all.count, by: Self.piece) {
                try body(UnsafeMutableRawBufferPointer(rebasing: all[start..<min(start + Self.piece, all.count)]))
            }
        }
    }
}
