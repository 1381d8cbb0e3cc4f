import Kernels

/// The windows of a training set that is read in chunks: each epoch permutes the chunks, cuts their order into windows,
/// and permutes samples within a window alone, so that two windows are all that has to be in memory. It depends on the
/// numbers here alone, never on ranks or hosts.
///
/// A window is the least number of chunks, in the epoch's order, that hold at least `size` images; the last one holds
/// the rest. Drawn samples, permuted anew each epoch, are spread over the windows in proportion to their images.
public struct WindowPlan: Sendable {
    /// A window of an epoch.
    public struct Window: Equatable, Sendable {
        /// Its chunks' places in the epoch's order.
        public let chunks: Range<Int>
        /// Its samples' positions in the epoch: batch b serves the positions from b B on.
        public let positions: Range<Int>
        /// Its drawn samples' places in the epoch's order of them.
        let drawn: Range<Int>
    }

    /// The windows of one epoch.
    public struct Epoch: Sendable {
        /// The chunks in the epoch's order.
        public let chunks: [Int32]
        /// The windows, in order.
        public let windows: [Window]
        /// The drawn samples in the epoch's order, counted from 0.
        let drawn: [Int32]

        /// The windows that hold some of the positions.
        public func windows(holding positions: Range<Int>) -> Range<Int> {
            let first = windows.firstIndex { $0.positions.upperBound > positions.lowerBound } ?? windows.count
            let end = windows.firstIndex { $0.positions.lowerBound >= positions.upperBound } ?? windows.count
            return first..<max(first, end)
        }
    }

    /// The sample ids of chunk c are `starts[c] ..< starts[c + 1]`; drawn samples have the ids behind.
    private let starts: [Int32]
    /// Drawn samples of an epoch.
    private let drawn: Int
    /// Images of a window at least.
    public let size: Int
    private let seed: UInt64

    /// The number of chunks.
    public var chunks: Int { starts.count - 1 }
    /// The images of an epoch.
    public var images: Int { Int(starts[chunks]) }
    /// The samples of an epoch.
    public var samples: Int { images + drawn }
    /// True where there is one window, which holds all: then the order is that of a plan without windows.
    public var isWhole: Bool { size >= images }

    /// Plans windows of at least `size` images.
    ///
    /// - Parameters:
    ///   - counts: the sample ids that lie in each chunk, which follow one another.
    ///   - drawn: the samples of an epoch that are drawn, whose ids follow the images'.
    public init(counts: [Int], drawn: Int, size: Int, seed: UInt64) {
        precondition(size >= 1 && drawn >= 0 && !counts.isEmpty, "windows of \(size) of \(counts.count) chunks")
        var starts: [Int32] = [0]
        for count in counts { starts.append((starts.last ?? 0) + Int32(count)) }
        (self.starts, self.drawn, self.size, self.seed) = (starts, drawn, size, seed)
    }

    /// The most chunks of a window, in any epoch.
    public var mostChunks: Int {
        var (images, chunks) = (0, 0)
        for count in (0..<self.chunks).map({ Int(starts[$0 + 1] - starts[$0]) }).sorted() where images < size {
            images += count
            chunks += 1
        }
        return chunks
    }

    /// The most chunks from the first that a step needs to the last that the next step needs, where windows are of at
    /// least two batches: three windows', one of which may belong to the next epoch, and those without images.
    public var mostResident: Int { 3 * mostChunks + (0..<chunks).count { starts[$0 + 1] == starts[$0] } }

    /// The windows of an epoch.
    public func epoch(_ epoch: Int) -> Epoch {
        var random = Philox(seed: seed, purpose: .chunkOrder, 0, epoch)
        let order = random.permutation(chunks)
        var drawnRandom = Philox(seed: seed, purpose: .chunkOrder, 1, epoch)
        var windows: [Window] = []
        var (first, held, before) = (0, 0, 0)
        for (place, chunk) in order.enumerated() {
            held += Int(starts[Int(chunk) + 1] - starts[Int(chunk)])
            guard held - before >= size || place == chunks - 1 else { continue }
            let start = windows.last?.drawn.upperBound ?? 0
            let end = images == 0 ? drawn : drawn * held / images
            windows.append(
                Window(chunks: first..<place + 1, positions: before + start..<held + end, drawn: start..<end))
            (first, before) = (place + 1, held)
        }
        return Epoch(chunks: order, windows: windows, drawn: drawnRandom.permutation(drawn))
    }

    /// The sample ids of a window, ascending.
    func ids(_ window: Window, _ epoch: Epoch) -> [Int32] {
        var ids: [Int32] = []
        ids.reserveCapacity(window.positions.count)
        for chunk in epoch.chunks[window.chunks].sorted() { ids += starts[Int(chunk)]..<starts[Int(chunk) + 1] }
        return ids + epoch.drawn[window.drawn].sorted().map { Int32(images) + $0 }
    }
}
