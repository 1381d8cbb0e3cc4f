import Datasets
import Essentials
import Foundation
import Lanes
import MessagePassing

/// The training images of a converted set as its windows come due: a thread of each host's reader reads chunks ahead of
/// need, compares them with their digests, and puts them where the host's ranks see them, in a ring of three windows.
///
/// Chunk i of epoch e's order has the number e C + i, and lies in slot (e C + i) mod S of the ring. A chunk is read
/// once every rank of the host has done with the one that lay in its slot. Two steps take samples of three windows at
/// most (`WindowPlan`, windows of at least two batches), so ranks wait for the reader and the reader for ranks, never
/// both.
public final class ImageStream {
    /// The images that are in memory.
    public let images: PassingImages
    /// SHA-256 of the training split, as reading it whole gives it.
    public let digest: String
    /// The sum of each pixel over the file's training images.
    public let pixelSums: [Int64]

    private let windows: WindowPlan
    private let slots: Int
    private let ring: Ring
    /// This rank's place among those of its host.
    private let rank: Int
    /// On the host's reader alone.
    private let reader: Reader?
    private var epochs: [(number: Int, cut: WindowPlan.Epoch)] = []
    /// Chunks below this number have their slot, or had it; nil before the first use.
    private var entered: Int?

    /// Bytes of the ring: for the check of a host's memory.
    public static func bytes(_ windows: WindowPlan, imageBytes: Int, rows: Int) -> Int {
        slots(windows) * rows * imageBytes
    }

    private static func slots(_ windows: WindowPlan) -> Int { windows.mostResident }

    /// Takes the ring. Local.
    ///
    /// - Throws: `Failure` 69 where the host has no room for it.
    static func takeRing(_ windows: WindowPlan, of set: DatasetDescription, ranks: Int) throws -> SharedMemory {
        try SharedMemory(
            writable: Ring.headBytes(ranks: ranks)
                + bytes(windows, imageBytes: set.shape.count, rows: set.chunkRows))
    }

    /// The stream of one rank.
    ///
    /// - Parameters:
    ///   - memory: the host's ring.
    ///   - rank: this rank's place among the `ranks` of its host.
    ///   - file: on the host's reader, rank 0.
    init(
        _ windows: WindowPlan, of set: DatasetDescription, memory: SharedMemory, rank: Int, ranks: Int, file: DataFile?,
        labels: [UInt8], digest: String, pixelSums: [Int64]
    ) {
        (self.windows, self.rank, self.digest, self.pixelSums) = (windows, rank, digest, pixelSums)
        let slots = Self.slots(windows)
        self.slots = slots
        let ring = Ring(memory, ranks: ranks)
        self.ring = ring
        let head = Ring.headBytes(ranks: ranks)
        guard let base = memory.bytes.baseAddress else { preconditionFailure("shared memory of no bytes") }
        images = PassingImages(shape: set.shape, labels: labels, rows: set.chunkRows, pixels: base + head, of: memory)
        reader = file.map {
            Reader($0, windows, ring, slots: slots, head: head, chunkBytes: set.chunkRows * set.shape.count)
        }
    }

    deinit { if rank == 0 { ring.isStopped = true } }

    /// Some positions of an epoch.
    public typealias Span = (epoch: Int, positions: Range<Int>)

    /// Waits until the images of some positions are there, then until those of later ones are, and gives up those of
    /// all windows before the first. Local. Allocates at an epoch's beginning alone.
    ///
    /// - Throws: `Failure` as `DataFile.read`, on every rank of the host.
    public func demand(_ span: Span, then later: Span? = nil) throws {
        try enter(span, givesUp: true)
        if let later { try enter(later, givesUp: false) }
    }

    private func enter(_ span: Span, givesUp: Bool) throws {
        let cut = cut(span.epoch)
        let due = cut.windows(holding: span.positions)
        guard let first = due.first, let last = due.last else { return }
        let start = span.epoch * windows.chunks + cut.windows[first].chunks.lowerBound
        let end = span.epoch * windows.chunks + cut.windows[last].chunks.upperBound
        if givesUp { ring.needed(start, by: rank) }
        if entered == nil {
            entered = start
            reader?.start(at: start)
        }
        while let next = entered, next < end {
            try ring.wait(for: next + 1)
            let chunks = self.cut(next / windows.chunks).chunks
            images.place(Int(chunks[next % windows.chunks]), at: next % slots)
            entered = next + 1
        }
    }

    /// Gives all images up, so that the next demand may be of any positions. Collective: every rank of the
    /// communicator, that of the training, calls this.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func restart(by communicator: Communicator) throws {
        // Nobody reads images any more; nobody waits for some before all are ready for others.
        try communicator.barrier()
        reader?.stop()
        ring.needed(0, by: rank)
        entered = nil
        try communicator.barrier()
    }

    private func cut(_ epoch: Int) -> WindowPlan.Epoch {
        if let known = epochs.first(where: { $0.number == epoch }) { return known.cut }
        let cut = windows.epoch(epoch)
        if epochs.count == 2 { epochs.removeFirst() }
        epochs.append((epoch, cut))
        return cut
    }
}

/// The memory that a host's ranks and its reader share: counts, the reader's failure, then the slots.
///
/// Counts: the number below which chunks are there, whether reading ended (1 stopped, 2 failed), and for each rank the
/// number below which it needs none any more.
private final class Ring: @unchecked Sendable {
    let memory: SharedMemory
    private let counts: SharedCounts
    private let ranks: Int

    private static let textBytes = 4_096

    /// The bytes before the slots.
    static func headBytes(ranks: Int) -> Int { SharedCounts.bytes(2 + ranks) + textBytes }

    init(_ memory: SharedMemory, ranks: Int) {
        (self.memory, self.ranks) = (memory, ranks)
        counts = SharedCounts(memory.mutableBytes, count: 2 + ranks)
    }

    var isStopped: Bool {
        get { counts[1] != 0 }
        set { if newValue, counts[1] == 0 { counts[1] = 1 } }
    }

    /// As at the beginning, once nobody reads.
    func reset() {
        counts[0] = 0
        counts[1] = 0
    }

    /// The number below which some rank may still need chunks: one that has not begun holds the reader at 0.
    var leastNeeded: Int { (0..<ranks).reduce(Int.max) { min($0, counts[2 + $1]) } }

    func needed(_ number: Int, by rank: Int) { counts[2 + rank] = number }

    var ready: Int {
        get { counts[0] }
        set { counts[0] = newValue }
    }

    private var text: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(
            rebasing: memory.mutableBytes[SharedCounts.bytes(2 + ranks)..<Self.headBytes(ranks: ranks)])
    }

    /// Ends the reading with a failure, which every rank throws that waits for more.
    func fail(_ failure: Failure) {
        let message = Array(failure.message.utf8.prefix(Self.textBytes - 8))
        text.storeBytes(of: UInt32(message.count), as: UInt32.self)
        text.storeBytes(of: failure.code.rawValue, toByteOffset: 4, as: Int32.self)
        UnsafeMutableRawBufferPointer(rebasing: text[8..<8 + message.count]).copyBytes(from: message)
        counts[1] = 2
    }

    /// Waits until all chunks below a number are there.
    func wait(for number: Int) throws {
        var seen = ready
        while seen < number {
            if counts[1] == 2 {
                let count = Int(text.load(as: UInt32.self))
                let code = ExitCode(rawValue: text.load(fromByteOffset: 4, as: Int32.self)) ?? .data
                throw Failure(code, String(decoding: text[8..<8 + min(count, text.count - 8)], as: UTF8.self))
            }
            usleep(200)
            // A file system that stands still is found by the watch.
            if ready > seen { Progress.beat() }
            seen = ready
        }
    }
}

/// The thread that fills the ring.
private final class Reader: @unchecked Sendable {
    private let file: DataFile
    private let windows: WindowPlan
    private let ring: Ring
    private let slots: Int
    private let head: Int
    private let chunkBytes: Int
    private let ended = DispatchSemaphore(value: 0)
    private var isRunning = false

    init(_ file: DataFile, _ windows: WindowPlan, _ ring: Ring, slots: Int, head: Int, chunkBytes: Int) {
        (self.file, self.windows, self.ring) = (file, windows, ring)
        (self.slots, self.head, self.chunkBytes) = (slots, head, chunkBytes)
    }

    /// Starts to read from a chunk's number on.
    func start(at number: Int) {
        isRunning = true
        let thread = Thread {
            self.run(from: number)
            self.ended.signal()
        }
        thread.name = "images"
        thread.start()
    }

    /// Ends the reading, waits for that, and forgets a failure.
    func stop() {
        ring.isStopped = true
        if isRunning { ended.wait() }
        isRunning = false
        ring.reset()
    }

    private func run(from start: Int) {
        ring.ready = start
        var epoch = (number: -1, cut: windows.epoch(0))
        var number = start
        while !ring.isStopped {
            guard number - ring.leastNeeded < slots else {
                usleep(1_000)
                continue
            }
            if epoch.number != number / windows.chunks {
                epoch = (number / windows.chunks, windows.epoch(number / windows.chunks))
            }
            do {
                let slot = head + number % slots * chunkBytes
                try file.read(
                    .train, chunk: Int(epoch.cut.chunks[number % windows.chunks]),
                    into: UnsafeMutableRawBufferPointer(
                        rebasing: ring.memory.mutableBytes[slot..<slot + chunkBytes]))
            } catch { return ring.fail(Failure(error)) }
            number += 1
            ring.ready = number
        }
    }
}
