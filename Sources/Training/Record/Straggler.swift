import Essentials

/// Finds the rank that holds the others up.
package enum Straggler {
    /// A rank that computes an image this many times as slowly as the others is named.
    private static let slowness = 1.25

    /// A sentence on the slowest rank where it is much slower than the others, nil where it is not.
    package static func sentence(_ throughputs: [RankThroughput], hosts: [String], balances: Bool) -> String? {
        let times = throughputs.map(\.secondsPerImage)
        guard times.count > 1, times.allSatisfy({ $0 > 0 }),
            let slowest = times.indices.max(by: { times[$0] < times[$1] })
        else { return nil }
        let others = times.indices.filter { $0 != slowest }.map { times[$0] }.sorted()
        let usual = others[others.count / 2]
        guard times[slowest] > slowness * usual else { return nil }
        let step = throughputs[slowest].secondsPerStep
        return
            "rank \(slowest) on \(hosts[slowest]) computes \(fixed(times[slowest] / usual, 2)) times as long for an "
            + "image as the others (\(fixed(step * 1e3, 1)) ms a step)"
            + (balances ? "" : "; balance: on deals it fewer lanes")
    }
}
