import Datasets
import Essentials
import Foundation
import Lanes
import MessagePassing

/// A data set whose files one rank of each host reads for all ranks there: a file system that the hosts share serves as
/// many readers as there are hosts.
///
/// Each rank holds the images that it asked for and no others; beside them, the ranks of a host may share one copy of
/// as many as they like.
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

    /// Finds the set: each host's reader, its lowest rank, looks for it by name, in `directory` first, as
    /// `Dataset.locate`. Collective: every rank of the communicator calls this, and in the end `close`.
    ///
    /// - Throws: `Failure` as `Dataset.locate`; all ranks throw together.
    public init(_ name: String, directory: String?, communicator: Communicator) throws {
        host = try communicator.splitByNode()
        agreement = try ReaderAgreement(communicator, isReader: host.rank == 0)
        dataset = try agreement.agree { try Dataset.locate(name, directory: directory) }
        description = try host.share(dataset?.description)
    }

    /// The class of each image of the training files. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.stream`; all ranks throw together.
    public func trainLabels() throws -> [UInt8] {
        try host.broadcast(try agreement.agree { try dataset?.labels(.train) ?? [] } ?? [])
    }

    /// The images of the training files that are held out for validation, and those that are not. Collective: every
    /// rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.stream`; all ranks throw together.
    public func splits(validation: Int, rule: SplitRule, seed: UInt64) throws -> Splits {
        rule == .stratified && validation > 0
            ? Splits(labels: try trainLabels(), validation: validation, seed: seed)
            : Splits(trainCount: description.trainCount, validation: validation, seed: seed)
    }

    /// Reads and verifies the files of a split whole, and keeps the images that are `wanted` by this rank, which says
    /// so of each in the files' order. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.stream`; all ranks throw together.
    public func read(_ split: Split, wanted: [Bool]) throws -> ImageSet {
        try distribute(split, wanted, kept: wanted)
    }

    /// The same, and beside it the images that are `shared`, in one copy for all ranks of the host, who say so of the
    /// same images. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Dataset.stream` and `SharedMemory`; all ranks throw together.
    public func read(_ split: Split, shared: [Bool], wanted: [Bool]) throws -> (shared: ImageSet, own: ImageSet) {
        let received = try distribute(split, wanted, kept: zip(shared, wanted).map { $0 || $1 })
        return (try share(received, shared), received.filter { wanted[$0] })
    }

    /// The training images of a converted set, window by window. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 64 where the set was not converted, 69 where a host has no room; all ranks throw together.
    public func stream(_ windows: WindowPlan) throws -> ImageStream {
        let ranks = host.worldSize
        let made =
            try agreement.agree { () -> (file: DataFile, memory: SharedMemory)? in
                guard let dataset else { return nil }
                guard let file = dataset.dataFile else {
                    throw Failure(
                        .usage,
                        "data_sharing: stream reads a file of `steadfast data convert`, and \(description.name) is "
                            + "none: convert it and name the new file as dataset, or set data_sharing: node")
                }
                return (file, try ImageStream.takeRing(windows, of: description, ranks: ranks))
            } ?? nil
        let place = try host.broadcast(made?.memory.place ?? SharedMemory.Place())
        let memory = try agreement.world.agree { try made?.memory ?? SharedMemory(at: place, writable: true) }
        return ImageStream(
            windows, of: description, memory: memory, rank: host.rank, ranks: ranks, file: made?.file,
            labels: try host.broadcast(made?.file.train.labels ?? []),
            digest: try host.broadcast(made?.file.train.digest ?? ""),
            pixelSums: try host.broadcast(made?.file.train.pixelSums ?? []))
    }

    /// Gives each rank of the host the images that it wants, while the reader streams the files: it holds those that it
    /// has `kept` and some parcels. Collective.
    private func distribute(_ split: Split, _ wanted: [Bool], kept: [Bool]) throws -> ImageSet {
        let size = description.shape.count
        let wishes = try host.gather(wanted) ?? []
        var pixels: [UInt8] = []
        pixels.reserveCapacity((dataset == nil ? wanted : kept).count(where: { $0 }) * size)
        if dataset == nil {
            var parcel = Parcel(images: wanted.count(where: { $0 }), size: size)
            while try parcel.receive(by: host, { pixels.append(contentsOf: $0) }) {}
        }
        let streamed =
            try agreement.agree {
                guard let dataset else { return StreamedImages?.none }
                var parcels = wishes.dropFirst().map { wish in Parcel(images: wish.count(where: { $0 }), size: size) }
                do {
                    return try dataset.stream(
                        split,
                        wanted: { index in
                            Progress.beat()
                            return kept[index] || wishes.contains { $0[index] }
                        }
                    ) { index, image in
                        if kept[index] { pixels.append(contentsOf: image) }
                        for rank in 1..<wishes.count where wishes[rank][index] {
                            try parcels[rank - 1].add(image, to: rank, by: host)
                        }
                    }
                } catch {
                    // Nobody may wait for what does not come.
                    for rank in 1..<wishes.count { try parcels[rank - 1].giveUp(to: rank, by: host) }
                    throw error
                }
            } ?? nil
        let source = try host.share(streamed.map { Source(contentDigest: $0.contentDigest, files: $0.files) })
        let (indices, labels) = try distributeLabels(streamed, wishes, wanted, kept: kept)
        return ImageSet(
            shape: description.shape, indices: indices, labels: labels, pixels: pixels,
            contentDigest: source.contentDigest, files: source.files)
    }

    /// The indices and labels of the images that this rank wants or, on the reader, has kept. Collective.
    private func distributeLabels(
        _ streamed: StreamedImages?, _ wishes: [[Bool]], _ wanted: [Bool], kept: [Bool]
    ) throws -> (indices: [Int32], labels: [UInt8]) {
        guard let streamed else {
            let indices = wanted.indices.filter { wanted[$0] }.map(Int32.init)
            return (indices, try host.receive(indices.count, from: 0))
        }
        func places(_ wish: [Bool]) -> [Int] { streamed.indices.indices.filter { wish[Int(streamed.indices[$0])] } }
        for rank in 1..<wishes.count {
            try places(wishes[rank]).map { streamed.labels[$0] }.withUnsafeBytes { try host.transfer($0, to: rank) }
        }
        let own = places(kept)
        return (own.map { streamed.indices[$0] }, own.map { streamed.labels[$0] })
    }

    /// Puts images where all ranks of the host see them. Collective.
    private func share(_ read: ImageSet, _ shared: [Bool]) throws -> ImageSet {
        let (indices, size) = (shared.indices.filter { shared[$0] }, description.shape.count)
        let isReader = dataset != nil
        let slots = isReader ? read.indices.indices.filter { shared[Int(read.indices[$0])] } : []
        let made =
            try agreement.agree {
                isReader
                    ? try SharedMemory(count: indices.count * size) { bytes in
                        read.withPixels { pixels in
                            for (place, slot) in slots.enumerated() {
                                UnsafeMutableRawBufferPointer(rebasing: bytes[place * size..<(place + 1) * size])
                                    .copyBytes(from: pixels[slot * size..<(slot + 1) * size])
                            }
                        }
                    } : nil
            } ?? nil
        let labels = try host.broadcast(slots.map { read.labels[$0] })
        let found = try host.share(made)
        let memory = try agreement.world.agree { try found.get() }
        return ImageSet(
            shape: description.shape, indices: indices.map(Int32.init), labels: labels, pixels: memory.bytes,
            of: memory, contentDigest: read.contentDigest, files: read.files)
    }

    /// Ends the use. Collective.
    public func close() throws {
        try agreement.close()
        try host.finish()
    }

    /// The facts of the files that the ranks of a host have to know.
    private struct Source: Codable {
        let contentDigest: String
        let files: [FileReport]
    }
}

/// Images on their way from the reader to one rank of its host, some at a time: both know how many there are in all.
private struct Parcel {
    /// The bytes of a parcel at most, but for one image's.
    private static let capacity = 1 << 18

    private let size: Int
    private let imagesAtOnce: Int
    /// The images that are still to come.
    private var remaining: Int
    private var filled = 0
    /// True where it holds images, then their pixels.
    private var bytes: [UInt8]

    init(images: Int, size: Int) {
        self.size = size
        remaining = images
        imagesAtOnce = max(1, Self.capacity / size)
        bytes = [UInt8](repeating: 1, count: 1 + min(imagesAtOnce, images) * size)
    }

    /// The images of the parcel that comes next.
    private var images: Int { min(imagesAtOnce, remaining) }

    /// Adds an image, and sends the parcel where it is full.
    mutating func add(_ image: UnsafeRawBufferPointer, to rank: Int, by host: Communicator) throws {
        let start = 1 + filled * size
        bytes.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: image) }
        filled += 1
        if filled == images { try send(to: rank, by: host) }
    }

    /// Says that no more images come.
    mutating func giveUp(to rank: Int, by host: Communicator) throws {
        guard remaining > 0 else { return }
        bytes[0] = 0
        try send(to: rank, by: host)
    }

    private mutating func send(to rank: Int, by host: Communicator) throws {
        try bytes.withUnsafeBytes {
            try host.transfer(UnsafeRawBufferPointer(rebasing: $0[..<(1 + images * size)]), to: rank)
        }
        remaining -= images
        filled = 0
    }

    /// Receives a parcel and hands its pixels over; false where there is none any more.
    mutating func receive(by host: Communicator, _ body: (ArraySlice<UInt8>) -> Void) throws -> Bool {
        guard remaining > 0 else { return false }
        let end = 1 + images * size
        try bytes.withUnsafeMutableBytes {
            try host.transfer(UnsafeMutableRawBufferPointer(rebasing: $0[..<end]), from: 0, to: host.rank)
        }
        guard bytes[0] == 1 else { return false }
        body(bytes[1..<end])
        remaining -= images
        return remaining > 0
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

    /// The body's result, nil on ranks that are no readers. Collective; the body is local.
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

extension Communicator {
    /// Gives all ranks the value of rank 0. Collective.
    fileprivate func share<Value: Codable>(_ value: Value?) throws -> Value {
        let own = try value.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) } ?? ""
        let text = try broadcast(own)
        if let value { return value }
        return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }
}
