import Foundation

/// A size in pixels.
struct PictureSize: Equatable, Sendable {
    let height: Int
    let width: Int
}

extension PictureDecoder.Picture {
    /// The picture at another size: its largest part of the size's aspect, in the middle, resampled by a triangle as
    /// wide as two pixels of the coarser raster (bilinear, with antialiasing where it shrinks). At its own size it is
    /// as it was.
    func scaled(to size: PictureSize) -> PictureDecoder.Picture {
        guard size.height != height || size.width != width else { return self }
        let scale = min(Double(height) / Double(size.height), Double(width) / Double(size.width))
        let columns = Self.taps(from: width, to: size.width, scale: scale)
        let rows = Self.taps(from: height, to: size.height, scale: scale)
        // Rows that no tap reaches are not resampled.
        let first = rows.map(\.first).min() ?? 0
        let end = rows.map { $0.first + $0.weights.count }.max() ?? 0
        let stride = 3 * size.width
        var narrow = [Float](repeating: 0, count: (end - first) * stride)
        for y in first..<end {
            for (x, tap) in columns.enumerated() {
                for channel in 0..<3 {
                    var sum: Float = 0
                    for (i, weight) in tap.weights.enumerated() {
                        sum += weight * Float(pixels[3 * (y * width + tap.first + i) + channel])
                    }
                    narrow[(y - first) * stride + 3 * x + channel] = sum
                }
            }
        }
        var result = [UInt8](repeating: 0, count: size.height * stride)
        for (y, tap) in rows.enumerated() {
            for x in 0..<stride {
                var sum: Float = 0
                for (i, weight) in tap.weights.enumerated() {
                    sum += weight * narrow[(tap.first + i - first) * stride + x]
                }
                result[y * stride + x] = UInt8(max(0, min(255, sum.rounded())))
            }
        }
        return PictureDecoder.Picture(height: size.height, width: size.width, pixels: result)
    }

    /// The weights of each target pixel along one axis: they add up to 1.
    private static func taps(from count: Int, to target: Int, scale: Double) -> [(first: Int, weights: [Float])] {
        let start = (Double(count) - scale * Double(target)) / 2
        let reach = max(1, scale)
        return (0..<target).map { place in
            let middle = start + (Double(place) + 0.5) * scale
            let near = max(0, Int((middle - reach).rounded(.down)))..<min(count, Int((middle + reach).rounded(.up)))
            let weights = near.map { max(0, 1 - abs(Double($0) + 0.5 - middle) / reach) }
            let sum = weights.reduce(0, +)
            return (near.lowerBound, weights.map { Float($0 / sum) })
        }
    }
}
