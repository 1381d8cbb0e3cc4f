/// Who holds which lanes: one contiguous range for each rank, in the order of the ranks, none empty. No result depends
/// on it.
public struct LaneDeal: Equatable, Sendable {
    /// Rank r holds the lanes `starts[r] ..< starts[r + 1]`.
    private let starts: [Int]

    /// The equal deal: rank r of R holds floor(r L / R) ..< floor((r + 1) L / R), with R from 1 to L.
    public init(lanes: Int, ranks: Int) {
        precondition(1 <= ranks && ranks <= lanes, "\(lanes) lanes for \(ranks) ranks")
        starts = (0...ranks).map { $0 * lanes / ranks }
    }

    /// The deal of so many lanes to each rank, each at least one.
    public init(counts: [Int]) {
        precondition(!counts.isEmpty && counts.allSatisfy { $0 > 0 }, "a deal of \(counts) lanes")
        starts = counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
    }

    /// The deal in which the slowest rank is done soonest, for lanes that take rank r `secondsPerLane[r]`.
    public init(lanes: Int, secondsPerLane: [Double]) {
        precondition(secondsPerLane.count <= lanes, "\(lanes) lanes for \(secondsPerLane.count) ranks")
        var counts = secondsPerLane.map { _ in 1 }
        // Each lane goes to the rank that would be done with it first; no other deal has a smaller maximum.
        for _ in secondsPerLane.count..<lanes {
            var best = 0
            for rank in counts.indices
            where Double(counts[rank] + 1) * secondsPerLane[rank] < Double(counts[best] + 1) * secondsPerLane[best] {
                best = rank
            }
            counts[best] += 1
        }
        self.init(counts: counts)
    }

    /// The number of ranks.
    public var ranks: Int { starts.count - 1 }
    /// The number of lanes.
    public var lanes: Int { starts[ranks] }
    /// The lanes of a rank.
    public subscript(rank: Int) -> Range<Int> { starts[rank]..<starts[rank + 1] }
    /// The number of lanes of each rank.
    public var counts: [Int] { (0..<ranks).map { self[$0].count } }

    /// The rank that holds a lane.
    public func holder(of lane: Int) -> Int {
        precondition(0 <= lane && lane < lanes, "lane \(lane) of \(lanes)")
        return (0..<ranks).first { self[$0].contains(lane) } ?? 0
    }

    /// The time of the rank that is done last, for lanes that take rank r `secondsPerLane[r]`.
    public func slowest(secondsPerLane: [Double]) -> Double {
        zip(counts, secondsPerLane).map { Double($0) * $1 }.max() ?? 0
    }
}
