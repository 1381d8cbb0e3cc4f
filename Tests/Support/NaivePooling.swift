import Kernels

extension Naive {
    /// For each output element of one image, its window's elements inside the image, in row-major order.
    private static func windows(_ g: Pooling) -> [[Int]] {
        func starts(_ length: Int) -> [Int] {
            (-g.paddingBefore..<length + g.padding).filter {
                ($0 + g.paddingBefore) % g.stride == 0 && $0 + g.size <= length + g.padding
            }
        }
        var windows: [[Int]] = []
        for top in starts(g.input.height) {
            for left in starts(g.input.width) {
                for c in 0..<g.input.channels {
                    var window: [Int] = []
                    for y in top..<top + g.size where (0..<g.input.height).contains(y) {
                        for x in left..<left + g.size where (0..<g.input.width).contains(x) {
                            window.append((y * g.input.width + x) * g.input.channels + c)
                        }
                    }
                    windows.append(window)
                }
            }
        }
        return windows
    }

    /// The pooled image: the maximum or the mean of the cells inside the image.
    public static func pool(_ x: [Double], _ g: Pooling) -> [Double] {
        windows(g).map { window in
            let cells = window.map { x[$0] }
            return g.kind == .max ? cells.reduce(-.infinity, max) : cells.reduce(0, +) / Double(cells.count)
        }
    }

    /// The place in its window of each maximum, the first one in case of a tie.
    public static func winners(_ x: [Double], _ g: Pooling) -> [Int] {
        windows(g).map { window in
            var best = 0
            for i in window.indices where x[window[i]] > x[window[best]] { best = i }
            return best
        }
    }

    /// The gradient of x: to the first maximum, or shared among the cells inside the image.
    public static func poolGradient(_ x: [Double], _ yGradient: [Double], _ g: Pooling) -> [Double] {
        var gradient = [Double](repeating: 0, count: x.count)
        let winners = winners(x, g)
        for (i, window) in windows(g).enumerated() {
            if g.kind == .max {
                gradient[window[winners[i]]] += yGradient[i]
            } else {
                for cell in window { gradient[cell] += yGradient[i] / Double(window.count) }
            }
        }
        return gradient
    }
}
