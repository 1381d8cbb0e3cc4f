import Foundation
import Kernels

extension Corruption {
    static let stripe = Corruption("stripe", .grey, [1, 2, 4, 6, 8]) { $0.invertStripe(width: Int($1), &$2) }
    static let spatter = Corruption("spatter", .grey, [0.02, 0.05, 0.08, 0.12, 0.18]) { $0.spatter(share: $1, &$2) }
    static let dottedLine = Corruption("dotted-line", .grey, [1, 2, 3, 4, 5]) { $0.drawDottedLines(Int($1), &$2) }
    static let zigzag = Corruption("zigzag", .grey, [1, 2, 3, 4, 5]) { $0.drawZigzags(Int($1), &$2) }
}

extension Raster {
    /// Inverts a vertical stripe of a width in pixels near the middle.
    mutating func invertStripe(width: Int, _ random: inout Philox) {
        let start = (shape.width - width) / 2 + random.below(5) - 2
        for y in 0..<shape.height {
            for x in start..<start + width where (0..<shape.width).contains(x) {
                for channel in 0..<shape.channels { self[y, x, channel] = 255 - self[y, x, channel] }
            }
        }
    }

    /// Covers about a share of the image with bright drops: the tops of a blurred noise.
    mutating func spatter(share: Double, _ random: inout Philox) {
        var noise = Raster(
            shape: ImageShape(height: shape.height, width: shape.width, channels: 1),
            pixels: (0..<shape.area).map { _ in random.uniform() })
        noise.blur(1)
        let threshold = noise.pixels.sorted()[min(shape.area - 1, Int(Double(shape.area) * (1 - share)))]
        for y in 0..<shape.height {
            for x in 0..<shape.width where noise[y, x, 0] >= threshold { paint(y, x, 255) }
        }
    }

    /// Draws dotted straight lines from side to side.
    mutating func drawDottedLines(_ count: Int, _ random: inout Philox) {
        for _ in 0..<count {
            let (from, to) = edges(&random)
            draw(from, to) { $0 % 4 < 2 }
        }
    }

    /// Draws zigzag lines from side to side.
    mutating func drawZigzags(_ count: Int, _ random: inout Philox) {
        for _ in 0..<count {
            let (from, to) = edges(&random)
            let length = hypot(to.y - from.y, to.x - from.x)
            // A line of one pixel has no side to swing to.
            guard length > 0 else {
                draw(from, to) { _ in true }
                continue
            }
            let normal = (y: (to.x - from.x) / length, x: -(to.y - from.y) / length)
            var last = from
            for i in 1...6 {
                let t = Double(i) / 6
                let swing = i == 6 ? 0 : i % 2 == 0 ? 2.5 : -2.5
                let next = (
                    y: from.y + t * (to.y - from.y) + swing * normal.y,
                    x: from.x + t * (to.x - from.x) + swing * normal.x
                )
                draw(last, next) { _ in true }
                last = next
            }
        }
    }

    /// A point on one side of the image and one on the opposite side.
    private func edges(_ random: inout Philox) -> (from: (y: Double, x: Double), to: (y: Double, x: Double)) {
        let (a, b) = (Double(random.uniform()), Double(random.uniform()))
        let (bottom, right) = (Double(shape.height - 1), Double(shape.width - 1))
        guard random.sign() < 0 else { return (from: (y: 0, x: a * right), to: (y: bottom, x: b * right)) }
        return (from: (y: a * bottom, x: 0), to: (y: b * bottom, x: right))
    }

    /// A white line; `isDrawn` tells which of its pixels.
    private mutating func draw(_ from: (y: Double, x: Double), _ to: (y: Double, x: Double), _ isDrawn: (Int) -> Bool) {
        let count = Int(max(abs(to.y - from.y), abs(to.x - from.x)).rounded(.up)) + 1
        for i in 0..<count where isDrawn(i) {
            let t = count > 1 ? Double(i) / Double(count - 1) : 0
            paint(Int((from.y + t * (to.y - from.y)).rounded()), Int((from.x + t * (to.x - from.x)).rounded()), 255)
        }
    }
}
