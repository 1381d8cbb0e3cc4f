import Essentials
import Kernels
import Networks

/// Where the time of a training step goes, layer by layer: from the timeline of real steps.
struct LayerTable {
    /// One activity in one layer.
    struct Row {
        let layer: String
        let activity: String
        /// Microseconds an image, on this rank.
        let microseconds: Double
        /// GFLOP/s, where the work is a product.
        let rate: Double?
        /// Bytes an image that have to be read or written, were nothing kept in a cache.
        let bytes: Double
    }

    let rows: [Row]

    /// - Parameter images: those that this rank computed meanwhile.
    init(_ plan: NetworkPlan, _ timeline: Timeline, images: Double, laneImages: Double) {
        var rows: [Row] = []
        for (index, block) in plan.blocks.enumerated() {
            let geometry = block.convolution
            let (x, u, y) = (
                Double(geometry?.input.count ?? 0), Double(block.sourceShape.count), Double(block.output.count)
            )
            let weight = geometry.map { Double($0.weightCount) / ($0.isFullyConnected ? laneImages : 1) } ?? 0
            let floats: [(Activity, Double)] = [
                (.forward, x + weight + u), (.moments, u), (.forwardTail, u + y), (.backwardTail, y + 3 * u),
                (.weightGradient, x + u + weight), (.inputGradient, u + weight + x), (.combine, 2 * weight),
            ]
            for (activity, count) in floats {
                let seconds = timeline.seconds(activity, block: index) / images
                // Of a layer whose lanes are not added up only the clock itself is left.
                guard seconds > 1e-8 else { continue }
                let isProduct = [.forward, .weightGradient, .inputGradient].contains(activity)
                let rate = isProduct ? 2 * Double(geometry?.multiplyAdds ?? 0) / seconds * 1e-9 : nil
                rows.append(
                    Row(
                        layer: block.name, activity: activity.title, microseconds: seconds * 1e6, rate: rate,
                        bytes: 4 * count))
            }
        }
        for activity in [Activity.draw, .loss, .update, .communicate] {
            let seconds = timeline.seconds(activity) / images
            guard seconds > 0 else { continue }
            rows.append(
                Row(layer: "step", activity: activity.title, microseconds: seconds * 1e6, rate: nil, bytes: 0))
        }
        self.rows = rows
    }

    /// Adds the table to a report.
    ///
    /// - Parameters:
    ///   - peak: GFLOP/s of a core.
    ///   - total: microseconds of the step an image.
    func add(to report: inout BenchmarkReport, peak: Double, total: Double) {
        let accounted = rows.reduce(0) { $0 + $1.microseconds }
        let all = rows + [Row(layer: "step", activity: "rest", microseconds: total - accounted, rate: nil, bytes: 0)]
        report.addTable(
            ["layer", "us/image", "share of step", "GFLOP/s", "of peak", "KB/image", "GB/s"],
            all.map { row in
                (
                    "\(row.layer) \(row.activity)",
                    [
                        fixed(row.microseconds, 2), fixed(100 * row.microseconds / total, 1) + " %",
                        row.rate.map { fixed($0, 1) } ?? "", row.rate.map { fixed($0 / peak, 2) } ?? "",
                        row.bytes > 0 ? fixed(row.bytes / 1024, 1) : "",
                        row.bytes > 0 ? fixed(row.bytes / row.microseconds * 1e-3, 1) : "",
                    ]
                )
            })
        report.json.add(
            "layers",
            all.map { row in
                var line = JSONLine()
                line.add("layer", row.layer)
                line.add("activity", row.activity)
                line.add("microseconds_per_image", row.microseconds)
                if let rate = row.rate { line.add("gflops", rate) }
                if row.bytes > 0 { line.add("bytes_per_image", row.bytes) }
                return line
            })
    }
}
