import Foundation
import Kernels

extension Corruption {
    static let shear = Corruption("shear", .grey, [0.2, 0.4, 0.6, 0.8, 1]) { $0.warp((1, 0, $1 * $2.sign(), 1)) }
    static let scale = Corruption("scale", .grey, [0.9, 0.8, 0.7, 0.6, 0.5]) { image, amount, _ in
        image.warp((1 / amount, 0, 0, 1 / amount))
    }
    static let rotate = Corruption("rotate", .grey, [0.2, 0.4, 0.6, 0.8, 1]) { $0.rotate(angle: $1 * $2.sign()) }
    static let translate = Corruption("translate", .grey, [1, 2, 3, 4, 5]) { $0.translate(by: $1, &$2) }
    static let glassBlur = Corruption("glass-blur", .grey, [0.5, 0.7, 0.9, 1.1, 1.4]) {
        $0.blurLikeGlass(deviation: $1, &$2)
    }
    static let blur = Corruption("blur", .colour, [0.4, 0.6, 0.8, 1.1, 1.5]) { image, amount, _ in image.blur(amount) }
    static let pixelate = Corruption("pixelate", .colour, [0.9, 0.8, 0.65, 0.5, 0.4]) { image, amount, _ in
        image.pixelate(share: amount)
    }
}

extension Raster {
    /// Turns the image about its centre, by an angle in radians.
    mutating func rotate(angle: Double) { warp((cos(angle), -sin(angle), sin(angle), cos(angle))) }

    /// Moves the image by a length in pixels in a random direction.
    mutating func translate(by length: Double, _ random: inout Philox) {
        let angle = 2 * Double.pi * Double(random.uniform())
        warp((1, 0, 0, 1), shift: (length * sin(angle), length * cos(angle)))
    }

    /// Swaps pixels with neighbours between two blurs of a deviation in pixels; the more of them the larger that is.
    mutating func blurLikeGlass(deviation: Double, _ random: inout Philox) {
        let reach = deviation > 1 ? 2 : 1
        let share = Float(min(1, deviation / 1.5))
        blur(deviation / 2)
        for y in 0..<shape.height {
            for x in 0..<shape.width {
                let (otherY, otherX) = (
                    y + random.below(2 * reach + 1) - reach, x + random.below(2 * reach + 1) - reach
                )
                guard random.uniform() < share, (0..<shape.height).contains(otherY), (0..<shape.width).contains(otherX)
                else { continue }
                for channel in 0..<shape.channels {
                    let value = self[y, x, channel]
                    self[y, x, channel] = self[otherY, otherX, channel]
                    self[otherY, otherX, channel] = value
                }
            }
        }
        blur(deviation / 2)
    }

    /// Shows the image in larger pixels: a share of its side of them.
    mutating func pixelate(share: Double) {
        let (source, shape) = (self, shape)
        let (rows, columns) = (
            max(1, Int(Double(shape.height) * share)), max(1, Int(Double(shape.width) * share))
        )
        self = source.redrawn { y, x, channel in
            // The cell that the position lies in, and the mean over its pixels.
            let (row, column) = (y * rows / shape.height, x * columns / shape.width)
            let top = (row * shape.height + rows - 1) / rows
            let bottom = ((row + 1) * shape.height + rows - 1) / rows
            let left = (column * shape.width + columns - 1) / columns
            let right = ((column + 1) * shape.width + columns - 1) / columns
            var sum: Float = 0
            for i in top..<bottom { for j in left..<right { sum += source[i, j, channel] } }
            return sum / Float((bottom - top) * (right - left))
        }
    }
}
