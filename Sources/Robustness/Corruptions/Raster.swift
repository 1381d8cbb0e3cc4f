import Foundation
import Kernels

/// An image to be corrupted: HWC, in 0...255.
package struct Raster {
    package let shape: ImageShape
    package var pixels: [Float]

    /// An image of a shape, its pixels HWC.
    package init(shape: ImageShape, pixels: [Float]) { (self.shape, self.pixels) = (shape, pixels) }

    /// One element; outside of the image the nearest one inside.
    subscript(_ y: Int, _ x: Int, _ channel: Int) -> Float {
        get {
            let (row, column) = (min(max(y, 0), shape.height - 1), min(max(x, 0), shape.width - 1))
            return pixels[(row * shape.width + column) * shape.channels + channel]
        }
        set { pixels[(y * shape.width + x) * shape.channels + channel] = newValue }
    }

    /// Replaces each element by a function of it.
    mutating func map(_ body: (Float) -> Float) {
        for i in pixels.indices { pixels[i] = body(pixels[i]) }
    }

    /// Sets all channels of a position that is inside the image to a value.
    mutating func paint(_ y: Int, _ x: Int, _ value: Float) {
        guard (0..<shape.height).contains(y), (0..<shape.width).contains(x) else { return }
        for channel in 0..<shape.channels { self[y, x, channel] = value }
    }

    /// Moves each element into 0...255.
    mutating func clamp() { map { max(0, min(255, $0)) } }

    /// Blurs by a Gaussian of a deviation in pixels, rows and columns apart.
    mutating func blur(_ deviation: Double) {
        let reach = Int((3 * deviation).rounded(.up))
        let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * deviation * deviation)) }
        let total = weights.reduce(0, +)
        for isVertical in [false, true] {
            let source = self
            self = source.redrawn { y, x, channel in
                var sum = 0.0
                for (i, weight) in weights.enumerated() {
                    let offset = i - reach
                    sum +=
                        weight
                        * Double(source[isVertical ? y + offset : y, isVertical ? x : x + offset, channel])
                }
                return Float(sum / total)
            }
        }
    }

    /// An image of the same shape, each element by a function.
    func redrawn(_ body: (_ y: Int, _ x: Int, _ channel: Int) -> Float) -> Raster {
        var image = self
        for y in 0..<shape.height {
            for x in 0..<shape.width {
                for channel in 0..<shape.channels { image[y, x, channel] = body(y, x, channel) }
            }
        }
        return image
    }

    /// The image seen through an affine map about its centre: the element at p comes from matrix p + shift, bilinear;
    /// what comes from outside is 0.
    mutating func warp(_ matrix: (Double, Double, Double, Double), shift: (y: Double, x: Double) = (0, 0)) {
        let (source, shape) = (self, shape)
        let (centreY, centreX) = (Double(shape.height - 1) / 2, Double(shape.width - 1) / 2)
        func inside(_ y: Int, _ x: Int, _ channel: Int) -> Double {
            (0..<shape.height).contains(y) && (0..<shape.width).contains(x) ? Double(source[y, x, channel]) : 0
        }
        self = source.redrawn { y, x, channel in
            let (dy, dx) = (Double(y) - centreY, Double(x) - centreX)
            let fromY = matrix.0 * dy + matrix.1 * dx + centreY + shift.y
            let fromX = matrix.2 * dy + matrix.3 * dx + centreX + shift.x
            let (top, left) = (Int(fromY.rounded(.down)), Int(fromX.rounded(.down)))
            let (v, u) = (fromY - Double(top), fromX - Double(left))
            let upper = (1 - u) * inside(top, left, channel) + u * inside(top, left + 1, channel)
            let lower = (1 - u) * inside(top + 1, left, channel) + u * inside(top + 1, left + 1, channel)
            return Float((1 - v) * upper + v * lower)
        }
    }
}
