import Checkpoints
import Datasets
import Foundation
import Kernels
import Networks
import Robustness

/// Figures 3 and 4: how the features of a trained network are distributed, and how they go together.
enum FeatureFigures {
    /// The images looked at: of the test set at most, and of nonsense.
    private static let (images, nonsense) = (2_000, 200)
    /// The channels of the paper's figure 3, counted from 1; what a number means differs from network to network.
    private static let channels = [6, 14, 37, 48]
    /// The most units of a layer in figure 4.
    private static let mostUnits = 100

    /// Both figures of a network.
    ///
    /// - Parameter name: what the network is called.
    /// - Throws: `Failure` where the checkpoint or the data cannot be read.
    static func figures(_ checkpoint: Checkpoint, name: String) throws -> [Figure] {
        let probe = try FeatureProbe(checkpoint)
        let subject = try ReportImages(checkpoint, count: images)
        let plan = probe.plan
        let products = plan.blocks.indices.filter { plan.blocks[$0].convolution != nil }
        let convolutions = products.filter { plan.blocks[$0].convolution?.isFullyConnected == false }
        guard let second = convolutions.dropFirst().first ?? convolutions.first else { return [] }
        let filters = plan.blocks[second].sourceShape.channels
        let chosen = Self.channels.allSatisfy { $0 <= filters } ? Self.channels : (1...min(4, filters)).map { $0 }
        // Of each layer every k-th unit.
        let layers = products.map { block -> (block: Int, channels: [Int]) in
            let filters = plan.blocks[block].sourceShape.channels
            return (block, Array(stride(from: 0, to: filters, by: (filters + mostUnits - 1) / mostUnits)))
        }
        let histogrammed = (block: second, channels: chosen.map { $0 - 1 })
        let values = try probe.features([histogrammed] + layers, of: subject.pixels)
        let noise = try probe.features([histogrammed], of: subject.nonsense(nonsense))[0]
        return [
            distributions(values[0], noise, chosen, of: plan.blocks[second], name: name),
            correlations(Array(values.dropFirst()), layers.map { plan.blocks[$0.block].name }, name: name),
        ]
    }

    private static func distributions(
        _ clean: [[Float]], _ noise: [[Float]], _ channels: [Int], of block: NetworkPlan.Block, name: String
    ) -> Figure {
        let normalized = block.normalization == nil ? "" : ", after batch norm"
        let numbers = channels == Self.channels ? " The channels have the paper's numbers, which mean" : " Numbers mean"
        let histograms = channels.indices.map { histogram(clean[$0], noise[$0], channels[$0]) }
        let pairs = [(0, 1), (0, 2), (1, 2), (1, 3)].filter { max($0.0, $0.1) < channels.count }
        let joint = pairs.map { a, b in
            Panel(
                name: "figure-3-joint-\(channels[a])-\(channels[b])",
                title: "channels \(channels[a]) and \(channels[b])", width: 320, height: 280,
                script: Gnuplot.data("clean", zip(clean[a], clean[b]).prefix(700).map { [Double($0), Double($1)] })
                    + Gnuplot.data("noise", zip(noise[a], noise[b]).prefix(150).map { [Double($0), Double($1)] }) + """
                        set xlabel 'channel \(channels[a])'
                        set ylabel 'channel \(channels[b])'
                        set key below height 1
                        plot $clean with points pt 7 ps 0.2 lc rgb '\(Palette.blue)' title 'test images', \
                        $noise with points pt 5 ps 0.35 lc rgb '\(Palette.red)' title 'nonsense'
                        """)
        }
        return Figure(
            name: "figure-3", title: "Figure 3: feature values of \(block.name), \(name)",
            caption:
                "Values of \(channels.count) channels at the middle entry of \(block.name)\(normalized): histograms "
                + "and pairs, on \(clean[0].count) test images (blue) and \(noise[0].count) images of pure Gaussian "
                + "noise (red). A symmetric activation function suppresses what lies outside of the images' heap about "
                + "0. Of the noise \(percent(shareOutside(clean, noise))) lies outside of the central 98 % of the "
                + "images' values in one of these channels or more, of the images "
                + "\(percent(shareOutside(clean, clean))): the paper shows most of it outside."
                + "\(numbers) nothing from one network to another.",
            panels: histograms + joint)
    }

    /// The share of images that leave the central 98 % of the clean values in any channel; both [channel][image].
    static func shareOutside(_ clean: [[Float]], _ others: [[Float]]) -> Double {
        let ranges = clean.map { values -> ClosedRange<Float> in
            let sorted = values.sorted()
            guard let last = sorted.indices.last else { return 0...0 }
            return sorted[last / 100]...sorted[last - last / 100]
        }
        let count = others.first?.count ?? 0
        let outside = (0..<count).count { image in
            zip(ranges, others).contains { !$0.contains($1[image]) }
        }
        return Double(outside) / Double(max(1, count))
    }

    private static func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }

    private static func histogram(_ clean: [Float], _ noise: [Float], _ channel: Int) -> Panel {
        let all = clean + noise
        let (low, high) = (Double(all.min() ?? 0), Double(all.max() ?? 1))
        let bins = 40
        let width = max(1e-6, (high - low) / Double(bins))
        func shares(_ values: [Float]) -> [[Double]] {
            var counts = [Double](repeating: 0, count: bins)
            for value in values where value.isFinite {
                counts[min(bins - 1, max(0, Int((Double(value) - low) / width)))] += 1
            }
            return counts.enumerated().map { [low + (Double($0) + 0.5) * width, $1 / Double(max(1, values.count))] }
        }
        return Panel(
            name: "figure-3-channel-\(channel)", title: "channel \(channel)", width: 320, height: 220,
            script: Gnuplot.data("clean", shares(clean)) + Gnuplot.data("noise", shares(noise)) + """
                set boxwidth \(width)
                set style fill solid 0.75 noborder
                set xlabel 'value'
                set ylabel 'share'
                set yrange [0:*]
                plot $clean with boxes lc rgb '\(Palette.blue)', $noise with histeps lw 1.5 lc rgb '\(Palette.red)'
                """)
    }

    private static func correlations(_ layers: [[[Float]]], _ names: [String], name: String) -> Figure {
        let matrices = layers.map(correlationMatrix)
        let panels = zip(matrices, names).map { matrix, name -> Panel in
            let rows = matrix.enumerated().flatMap { row, values in
                values.enumerated().map { [Double($0), Double(row), $1] }
            }
            let units = matrix.count
            return Panel(
                name: "figure-4-" + name,
                title: "\(name), \(units) units, mean |r| \(decimal(meanOffDiagonal(matrix)))",
                width: 320, height: 280,
                script: Gnuplot.data("matrix", rows) + """
                    set size square
                    unset grid
                    set xrange [-0.5:\(Double(units) - 0.5)]
                    set yrange [\(Double(units) - 0.5):-0.5]
                    set cbrange [-1:1]
                    set palette defined (-1 '\(Palette.blue)', 0 '#f4f4f4', 1 '\(Palette.red)')
                    set border 15 lw 0.5
                    plot $matrix using 1:2:3 with image
                    """)
        }
        return Figure(
            name: "figure-4", title: "Figure 4: correlations of features, \(name)",
            caption:
                "Pearson's r between the units of each layer (at most \(mostUnits) evenly chosen ones, middle entries) "
                + "over \(layers[0][0].count) test images: blue -1, white 0, red 1. The paler a matrix off its "
                + "diagonal, the better a product of 1-D functions models the features; the title has the mean "
                + "magnitude.",
            panels: panels)
    }

    /// Pearson's r of all pairs; 0 for a unit that never changes.
    static func correlationMatrix(_ units: [[Float]]) -> [[Double]] {
        let standard = units.map { values -> [Double] in
            let count = Double(max(1, values.count))
            let mean = values.reduce(0) { $0 + Double($1) } / count
            let centred = values.map { Double($0) - mean }
            let norm = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return norm > 0 ? centred.map { $0 / norm } : centred.map { _ in 0 }
        }
        return standard.map { a in standard.map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } } }
    }

    private static func meanOffDiagonal(_ matrix: [[Double]]) -> Double {
        let count = matrix.count
        guard count > 1 else { return 0 }
        var sum = 0.0
        for row in 0..<count { for column in 0..<count where row != column { sum += abs(matrix[row][column]) } }
        return sum / Double(count * (count - 1))
    }
}
