import Essentials
import Foundation
import Networks
import Training

/// A prediction of how training scales: the measured time of a rank's own work, and a model of the network's.
///
/// Assumed: work is in proportion to images, but for a part that every step pays; ranks never wait for a slower one;
/// nothing is sent while anything is computed, the worst case (`overlap`); as many lanes as ranks, at least the
/// recipe's; a rank's messages go one at a time over a link of the given latency a and bandwidth b, without contention:
/// ring or recursive doubling for a gather of m bytes over R ranks, log2(R) a + (R - 1)/R m / b, pairwise for an
/// exchange, (R - 1) a + (R - 1)/R m / b (Thakur, Rabenseifner & Gropp 2005).
package struct Projection {
    let plan: NetworkPlan
    let batch: Int
    let lanes: Int
    /// Seconds of work on an image, and in every step.
    let secondsPerImage: Double
    let secondsPerStep: Double
    /// Seconds of the products of gathered factors for an image of the global batch: ranks share them, or each does all
    /// (`StepTraffic.repeatsProducts`).
    let productSecondsPerImage: Double
    let network: NetworkModel

    package init(
        plan: NetworkPlan, batch: Int, lanes: Int, secondsPerImage: Double, secondsPerStep: Double,
        productSecondsPerImage: Double, network: NetworkModel
    ) {
        self.plan = plan
        self.batch = batch
        self.lanes = lanes
        self.secondsPerImage = secondsPerImage
        self.secondsPerStep = secondsPerStep
        self.productSecondsPerImage = productSecondsPerImage
        self.network = network
    }

    /// Seconds of a step of so many ranks on a global batch.
    package func seconds(ranks: Int, batch: Int) -> Double {
        let (r, traffic) = (Double(ranks), StepTraffic(plan, batch: batch, lanes: max(lanes, ranks), ranks: ranks))
        let products = productSecondsPerImage * Double(batch) / (traffic.repeatsProducts ? 1 : r)
        let work = secondsPerStep + secondsPerImage * Double(batch) / r + products
        guard ranks > 1 else { return work }
        let doublings = Self.doublings(ranks: ranks)
        return traffic.messages.reduce(work) { sum, message in
            switch message {
            case .gather(let bytes): sum + doublings * network.latency + (r - 1) * bytes / network.bandwidth
            case .share(let bytes): sum + doublings * network.latency + (r - 1) / r * bytes / network.bandwidth
            case .exchange(let bytes): sum + (r - 1) * (network.latency + bytes / r / network.bandwidth)
            }
        }
    }

    /// The messages that a rank sends, one after the other, to gather from so many.
    static func doublings(ranks: Int) -> Double { log2(Double(ranks)).rounded(.up) }

    /// Adds the table of 1, 2, 4, ... up to so many ranks.
    func add(to report: inout BenchmarkReport, ranks most: Int) {
        let counts = sequence(first: 1) { $0 * 2 <= most ? $0 * 2 : nil }
        var objects: [JSONLine] = []
        let rows = counts.map { ranks -> (name: String, cells: [String]) in
            let alone = Double(batch) / seconds(ranks: 1, batch: batch)
            let strong = Double(batch) / seconds(ranks: ranks, batch: batch)
            let weak = Double(batch * ranks) / seconds(ranks: ranks, batch: batch * ranks)
            var object = JSONLine()
            object.add("ranks", ranks)
            object.add("strong_images_per_second", strong)
            object.add("weak_images_per_second", weak)
            objects.append(object)
            let ideal = alone * Double(ranks)
            return (
                "\(ranks)",
                [fixed(strong, 0), fixed(strong / ideal, 3), fixed(weak, 0), fixed(weak / ideal, 3)]
            )
        }
        report.lines += [
            "",
            "predicted: latency \(fixed(network.latency * 1e6, 1)) us, bandwidth \(fixed(network.bandwidth * 1e-6, 0)) "
                + "MB/s, \(fixed((secondsPerImage + productSecondsPerImage) * 1e6, 1)) us an image, "
                + "\(fixed(secondsPerStep * 1e6, 0)) us a step; strong: global batch \(batch), weak: \(batch) a rank",
        ]
        report.addTable(["ranks", "strong images/s", "efficiency", "weak images/s", "efficiency"], rows)
        report.json.add("projection", objects)
    }
}
