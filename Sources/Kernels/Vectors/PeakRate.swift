import Essentials

/// The rate of this core's fused multiply-adds on float32 vectors in registers: the limit of all arithmetic.
public enum PeakRate {
    /// Measures it, as the best of several rounds over about so many seconds.
    ///
    /// - Returns: GFLOP/s, 2 for each multiply-add.
    public static func measure(seconds budget: Double = 0.3) -> Double {
        let rounds = 20_000
        var best = 0.0
        let start = ContinuousClock.now
        while seconds(since: start) < budget {
            let before = ContinuousClock.now
            let sum = multiplyAdd(rounds)
            let elapsed = seconds(since: before)
            // The sum is used, so that the work is done.
            guard sum.isFinite, elapsed > 0 else { continue }
            best = max(best, Double(rounds * 12 * 16 * 2) / elapsed * 1e-9)
        }
        return best
    }

    /// Twelve independent chains, more than the latency of an addition times the units that do it.
    @inline(never)
    private static func multiplyAdd(_ rounds: Int) -> Float {
        let factor = Vector(repeating: 0.999)
        let term = Vector(repeating: 0.001)
        var (a, b, c, d) = (factor, factor, factor, factor)
        var (e, f, g, h) = (factor, factor, factor, factor)
        var (i, j, k, l) = (factor, factor, factor, factor)
        for _ in 0..<rounds {
            a = term.addingProduct(a, factor)
            b = term.addingProduct(b, factor)
            c = term.addingProduct(c, factor)
            d = term.addingProduct(d, factor)
            e = term.addingProduct(e, factor)
            f = term.addingProduct(f, factor)
            g = term.addingProduct(g, factor)
            h = term.addingProduct(h, factor)
            i = term.addingProduct(i, factor)
            j = term.addingProduct(j, factor)
            k = term.addingProduct(k, factor)
            l = term.addingProduct(l, factor)
        }
        return (a + b + c + d + e + f + g + h + i + j + k + l).sum()
    }
}
