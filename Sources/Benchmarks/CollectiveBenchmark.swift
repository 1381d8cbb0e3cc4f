import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing

/// Times allreduce between the ranks, by MPI and in the lane tree, and fits latency and bandwidth to gathers, of which
/// a step's messages are made.
public struct CollectiveBenchmark {
    private let seconds: Double
    private let lanes: Int
    /// A lane's sums are formed one after the other.
    private static let mostLanes = 65_536

    /// - Parameters:
    ///   - lanes: of the exact reduction.
    ///   - seconds: about how long to time.
    public init(lanes: Int, seconds: Double) {
        self.lanes = lanes
        self.seconds = seconds
    }

    /// The numbers of floats that are summed.
    private static let counts = [1, 16, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576]

    /// Runs it. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 64 for more ranks than lanes or too many lanes, 74 where MPI fails.
    public func run(_ communicator: Communicator) throws -> BenchmarkReport {
        let ranks = communicator.worldSize
        try communicator.agree {
            guard ranks <= lanes else {
                throw Failure(.usage, "\(ranks) ranks cannot share \(lanes) lanes: raise --lanes")
            }
            guard lanes <= Self.mostLanes else {
                throw Failure(.usage, "--lanes is \(lanes), of which at most \(Self.mostLanes) are timed")
            }
        }
        var rows: [(name: String, cells: [String])] = []
        var objects: [JSONLine] = []
        let network = try Self.network(communicator, seconds: seconds / 3)
        let budget = seconds / Double(3 * Self.counts.count)
        // As the trainer does.
        let groups = try communicator.hostGroups()
        for count in Self.counts {
            let buffer = Buffer<Float>(count)
            let plain = try Self.time(budget, communicator) {
                try communicator.allReduce(UnsafeMutableBufferPointer(start: buffer.pointer, count: count), .sum)
            }
            let reduction = try LaneReduction<Float>(
                groups, LaneAssignment(lanes: lanes, ranks: ranks), count: count)
            let exact = try Self.time(budget, communicator) {
                reduction.begin()
                for lane in reduction.lanes {
                    _ = reduction.partial(lane)
                    reduction.finishLane()
                }
                try reduction.reduce(into: buffer.pointer)
            }
            let bytes = Double(4 * count)
            rows.append(
                (
                    "\(4 * count)",
                    [
                        fixed(plain * 1e6, 1), fixed(bytes / plain * 1e-6, 0), fixed(exact * 1e6, 1),
                        fixed(exact / plain, 2),
                    ]
                ))
            var object = JSONLine()
            object.add("bytes", 4 * count)
            object.add("allreduce_seconds", plain)
            object.add("exact_seconds", exact)
            objects.append(object)
        }
        var report = BenchmarkReport()
        report.lines = [
            "allreduce of float32 on \(counted(ranks, "rank")) (\(communicator.hostName)); exact: \(lanes) "
                + "lanes in their tree, the sums of a rank's own lanes included"
                + (ranks > 1 ? ", \(groups.way)" : ""),
            "latency \(fixed(network.latency * 1e6, 1)) us, bandwidth \(fixed(network.bandwidth * 1e-6, 0)) MB/s "
                + "of gathers (least squares on the relative errors)",
        ]
        report.json.add("benchmark", "collectives")
        report.json.add("ranks", ranks)
        report.json.add("lanes", lanes)
        report.json.add("latency_seconds", network.latency)
        report.json.add("bandwidth_bytes_per_second", network.bandwidth)
        report.json.add("sizes", objects)
        report.addTable(["bytes", "allreduce us", "MB/s", "exact us", "exact / allreduce"], rows)
        return report
    }

    /// Latency and bandwidth between the ranks, measured for about so many seconds: what makes the times of gathers
    /// those that ``Projection`` takes them to have. Collective.
    package static func network(_ communicator: Communicator, seconds: Double) throws -> NetworkModel {
        let ranks = communicator.worldSize
        let points = try counts.map { count in
            let buffer = Buffer<Float>(count)
            let layout = BlockLayout(dividing: count, into: ranks)
            let taken = try time(seconds / Double(counts.count), communicator) {
                try communicator.allGather(inPlace: buffer.pointer, layout)
            }
            return (bytes: Double(4 * count * (ranks - 1)) / Double(ranks), seconds: taken)
        }
        let fitted = NetworkModel(fitting: points)
        return NetworkModel(
            latency: fitted.latency / max(1, Projection.doublings(ranks: ranks)), bandwidth: fitted.bandwidth)
    }

    /// The median seconds of a call on the slowest rank. Collective.
    private static func time(_ budget: Double, _ communicator: Communicator, _ body: () throws -> Void) throws -> Double
    {
        try body()
        try communicator.barrier()
        let begin = ContinuousClock.now
        var times: [Double] = []
        // Of one call's time the others' cannot be told: rank 0 looks at the clock after 4, 8, 16 ... calls.
        repeat {
            for _ in 0..<max(4, times.count) {
                let start = ContinuousClock.now
                try body()
                times.append(Essentials.seconds(since: start))
            }
        } while try communicator.broadcast(times.count < 10_000 && Essentials.seconds(since: begin) < budget / 2)
        return try communicator.allReduce(median(times), .max)
    }
}

/// A message's time as latency + bytes / bandwidth (Hockney 1994).
package struct NetworkModel {
    package let latency: Double
    package let bandwidth: Double

    /// The model of a network that is known.
    package init(latency: Double, bandwidth: Double) {
        self.latency = latency
        self.bandwidth = bandwidth
    }

    /// Ethernet of 10 Gbit/s, for a prediction where nothing can be measured: a message of 25 us, 1.1 GB/s.
    package static var tenGigabit: NetworkModel { NetworkModel(latency: 25e-6, bandwidth: 1.1e9) }

    /// Fits by least squares on the relative errors, so that small messages count as much as large ones.
    package init(fitting points: [(bytes: Double, seconds: Double)]) {
        // Minimise the sum of ((latency + slope bytes - t) / t)^2.
        var (s, sx, sxx, sy, sxy) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for point in points where point.seconds > 0 {
            let weight = 1 / (point.seconds * point.seconds)
            s += weight
            sx += weight * point.bytes
            sxx += weight * point.bytes * point.bytes
            sy += weight * point.seconds
            sxy += weight * point.bytes * point.seconds
        }
        let determinant = s * sxx - sx * sx
        let slope = determinant > 0 ? max(0, (s * sxy - sx * sy) / determinant) : 0
        latency = s > 0 ? max(0, (sy - slope * sx) / s) : 0
        bandwidth = slope > 0 ? 1 / slope : .infinity
    }
}
