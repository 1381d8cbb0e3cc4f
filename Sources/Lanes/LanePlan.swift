import Kernels

/// Who serves which sample when: the lanes of invariant 1. It depends on the numbers here alone, never on the ranks.
///
/// Lane l of L serves the positions floor(l B / L) ..< floor((l + 1) B / L) of every global batch of B. A seeded
/// permutation of the sample ids fixes who owns what: its position p belongs to the lane that serves p mod B. So every
/// lane has a full share for every full batch and exactly its positions of the short last one. Each epoch permutes a
/// lane's own samples anew.
///
/// Where a `WindowPlan` cuts epochs into windows, all that holds within each window: the permutation is one of its
/// sample ids, and its first position is that of the epoch.
public struct LanePlan: Sendable {
    /// Sample ids are 0..<samples.
    public let samples: Int
    /// The global batch.
    public let batch: Int
    /// The number of lanes.
    public let lanes: Int
    /// The windows of an epoch; nil where it is not cut.
    public let windows: WindowPlan?
    private let seed: UInt64
    /// The lane that serves each position of a full batch.
    private let laneOfPosition: [Int32]
    /// The sample ids, lane by lane, ascending within a lane; lane l has `starts[l] ..< starts[l + 1]`. None with
    /// windows, where who owns what is another question in each epoch.
    private let ids: [Int32]
    private let starts: [Int]

    /// Deals `samples` ids to `lanes` lanes for batches of `batch`; `1 <= lanes <= batch`, `samples >= 0`.
    ///
    /// - Parameter windows: of as many samples.
    public init(samples: Int, batch: Int, lanes: Int, seed: UInt64, windows: WindowPlan? = nil) {
        precondition(lanes >= 1 && lanes <= batch, "\(lanes) lanes for a batch of \(batch)")
        precondition((0...Int(Int32.max)).contains(samples), "\(samples) samples")
        self.samples = samples
        self.batch = batch
        self.lanes = lanes
        self.seed = seed
        self.windows = windows
        precondition(windows.map { $0.samples == samples } ?? true, "windows of other samples than \(samples)")

        var laneOfPosition = [Int32](repeating: 0, count: batch)
        for lane in 0..<lanes {
            for position in lane * batch / lanes..<(lane + 1) * batch / lanes { laneOfPosition[position] = Int32(lane) }
        }
        self.laneOfPosition = laneOfPosition
        guard windows == nil else {
            (ids, starts) = ([], [])
            return
        }
        var random = Philox(seed: seed, purpose: .sampleOwnership)
        var laneOfSample = [Int32](repeating: 0, count: samples)
        var starts = [Int](repeating: 0, count: lanes + 1)
        var position = 0
        for sample in random.permutation(samples) {
            let lane = laneOfPosition[position]
            laneOfSample[Int(sample)] = lane
            starts[Int(lane) + 1] += 1
            position = position + 1 == batch ? 0 : position + 1
        }
        for lane in 0..<lanes { starts[lane + 1] += starts[lane] }
        var next = starts
        var ids = [Int32](repeating: 0, count: samples)
        for sample in 0..<samples {
            let lane = Int(laneOfSample[sample])
            ids[next[lane]] = Int32(sample)
            next[lane] += 1
        }
        self.ids = ids
        self.starts = starts
    }

    /// Steps of an epoch, the short last one included.
    public var stepsPerEpoch: Int { Self.stepsPerEpoch(samples: samples, batch: batch) }

    /// The steps of an epoch of so many samples.
    public static func stepsPerEpoch(samples: Int, batch: Int) -> Int {
        samples / batch + (samples % batch == 0 ? 0 : 1)
    }

    /// The most samples of a lane in one batch.
    public var laneCapacity: Int { (0..<lanes).map { positions(ofLane: $0).count }.max() ?? 0 }

    /// The size of the global batch of a step: `batch`, or what is left in the last one.
    public func batchSize(stepInEpoch step: Int) -> Int {
        precondition((0..<stepsPerEpoch).contains(step), "step \(step) of \(stepsPerEpoch)")
        return min(batch, samples - step * batch)
    }

    /// The positions of a full global batch that a lane serves.
    public func positions(ofLane lane: Int) -> Range<Int> {
        precondition((0..<lanes).contains(lane), "lane \(lane) of \(lanes)")
        return lane * batch / lanes..<(lane + 1) * batch / lanes
    }

    /// The number of samples that a lane serves in a step.
    public func count(lane: Int, stepInEpoch step: Int) -> Int {
        positions(ofLane: lane).clamped(to: 0..<batchSize(stepInEpoch: step)).count
    }

    /// Where a step's samples lie in the lane's `order` of the epoch.
    public func range(lane: Int, stepInEpoch step: Int) -> Range<Int> {
        // Every step before the last is full.
        let start = step * positions(ofLane: lane).count
        return start..<start + count(lane: lane, stepInEpoch: step)
    }

    /// The sample ids that a lane owns, ascending; of a plan without windows.
    public func owned(lane: Int) -> [Int32] {
        precondition((0..<lanes).contains(lane), "lane \(lane) of \(lanes)")
        return Array(ids[starts[lane]..<starts[lane + 1]])
    }

    /// The order in which each of some lanes serves its samples in an epoch.
    public func orders(of lanes: Range<Int>, epoch: Int) -> [[Int32]] {
        guard let windows else { return lanes.map { order(lane: $0, epoch: epoch) } }
        var orders = lanes.map { _ in [Int32]() }
        let cut = windows.epoch(epoch)
        for (number, window) in cut.windows.enumerated() {
            let ids = windows.ids(window, cut)
            // One window that holds all is dealt once and for all, as without windows.
            var random = Philox(
                seed: seed, purpose: .sampleOwnership, number, cut.windows.count == 1 ? 0 : epoch)
            var laneOfID = [Int32](repeating: 0, count: ids.count)
            for (place, index) in random.permutation(ids.count).enumerated() {
                laneOfID[Int(index)] = laneOfPosition[(window.positions.lowerBound + place) % batch]
            }
            var owned = lanes.map { _ in [Int32]() }
            for (index, lane) in laneOfID.enumerated() where lanes.contains(Int(lane)) {
                owned[Int(lane) - lanes.lowerBound].append(ids[index])
            }
            for (place, lane) in lanes.enumerated() {
                var random = Philox(seed: seed, purpose: .epochOrder, number * self.lanes + lane, epoch)
                orders[place] += random.permutation(owned[place].count).map { owned[place][Int($0)] }
            }
        }
        return orders
    }

    /// The order in which a lane serves its samples in an epoch; of a plan without windows.
    public func order(lane: Int, epoch: Int) -> [Int32] {
        precondition((0..<lanes).contains(lane), "lane \(lane) of \(lanes)")
        var random = Philox(seed: seed, purpose: .epochOrder, lane, epoch)
        let start = starts[lane]
        return random.permutation(starts[lane + 1] - start).map { ids[start + Int($0)] }
    }
}
