import Essentials
import Foundation

/// The findings of a benchmark: lines for people, and one JSON object.
public struct BenchmarkReport {
    /// Lines for people.
    public internal(set) var lines: [String] = []
    /// The figures.
    public internal(set) var json = JSONLine()

    /// Adds the figures that benchmarks of images have in common: images a second over all ranks, operations an image,
    /// the peak of a core in GFLOP/s, and the share of it that is reached, which is returned.
    mutating func addRates(_ rates: [Double], operations: Int, peak: Double, ranks: Int) -> Double {
        let share = median(rates) * Double(operations) * 1e-9 / (peak * Double(ranks))
        json.add("ranks", ranks)
        json.addRates("images_per_second", rates)
        json.add("flops_per_image", operations)
        json.add("peak_gflops", peak)
        json.add("share_of_peak", share)
        return share
    }

    /// Adds a table: a name and numbers in columns of a fixed width.
    mutating func addTable(_ headings: [String], _ rows: [(name: String, cells: [String])]) {
        lines += textTable([headings] + rows.map { [$0.name] + $0.cells }, words: 1)
    }
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
package func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

extension JSONLine {
    /// Adds `{"median":, "best":}` of rates.
    mutating func addRates(_ key: String, _ rates: [Double]) {
        var object = JSONLine()
        object.add("median", median(rates))
        object.add("best", rates.max() ?? 0)
        add(key, object)
    }
}
