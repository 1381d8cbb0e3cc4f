import Kernels

/// The largest deviation of `actual` from `expected`, each element's relative to `scale` (its own size, or the sum of
/// the sizes that were added up in it); infinite where a number is not finite or the counts differ.
public func deviation(_ actual: [Float], _ expected: [Double], scale: [Double]? = nil) -> Double {
    guard actual.count == expected.count else { return .infinity }
    var worst = 0.0
    for i in expected.indices {
        let size = abs(scale?[i] ?? expected[i])
        let difference = abs(Double(actual[i]) - expected[i])
        guard difference.isFinite else { return .infinity }
        if difference > 1e-30 { worst = max(worst, difference / (size + 1e-30)) }
    }
    return worst
}

/// `count` draws of N(0, 1) by a fixed stream.
public func gaussians(_ count: Int, _ stream: Int = 0) -> [Float] {
    var random = Philox(seed: 1603_05145, purpose: .test, stream)
    var draws = [Float](repeating: 0, count: 2 * count)
    random.fillGaussian(&draws, count: 2 * count)
    return (0..<count).map { draws[2 * $0] }
}

extension Sequence<Float> {
    /// The same numbers in double precision.
    public var doubles: [Double] { map { Double($0) } }
}

extension Sequence<Double> {
    /// The sizes of the numbers.
    public var sizes: [Double] { map { abs($0) } }
}
