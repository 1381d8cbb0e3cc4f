import Kernels

/// Draws one digit. Only +, -, x, / and square roots are used, each correctly rounded by IEEE 754, so that the same
/// image comes out everywhere.
struct GlyphPen {
    /// Rows and columns of an image.
    static let side = 28
    /// Straight pieces that a curve between two points is drawn with.
    private static let piecesOfCurve = 6

    /// The squared distance of each pixel's centre from the nearest stroke.
    private var distances = [Float](repeating: 0, count: side * side)
    private var points: [SIMD2<Float>] = []
    private var random: Philox

    /// - Parameters:
    ///   - index: names the image, with `part`.
    init(seed: UInt64, index: Int, part: Int) {
        random = Philox(seed: seed, purpose: .glyphs, index, part)
    }

    /// Draws the image into side x side bytes and returns the digit.
    mutating func draw(into pixels: UnsafeMutablePointer<UInt8>) -> UInt8 {
        let digit = Int(random.next(upperBound: UInt32(10)))
        let styles = GlyphStroke.styles[digit]
        let style = styles[Int(random.next(upperBound: UInt32(styles.count)))]
        let placement = Placement(&random)
        let radius = between(0.55, 1.7)
        let softness = between(0.7, 1.7)
        let reach = radius + softness / 2
        for i in distances.indices { distances[i] = reach * reach }
        for stroke in style { trace(stroke, placement, reach: reach) }
        ink(radius: radius, softness: softness, into: pixels)
        return UInt8(digit)
    }

    private mutating func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * random.uniform() }

    /// Places the stroke's points, each a little off, and marks what is near the stroke.
    private mutating func trace(_ stroke: GlyphStroke, _ placement: Placement, reach: Float) {
        points.removeAll(keepingCapacity: true)
        for point in stroke.points {
            let jitter = SIMD2(between(-0.025, 0.025), between(-0.025, 0.025))
            points.append(placement.apply(point + jitter))
        }
        for i in 1..<points.count {
            guard stroke.curved else {
                mark(points[i - 1], points[i], reach: reach)
                continue
            }
            // Catmull and Rom's spline, the end points doubled.
            let before = points[max(0, i - 2)]
            let after = points[min(points.count - 1, i + 1)]
            var last = points[i - 1]
            for piece in 1...GlyphPen.piecesOfCurve {
                let t = Float(piece) / Float(GlyphPen.piecesOfCurve)
                let a: SIMD2<Float> = 2 * points[i - 1]
                let b: SIMD2<Float> = points[i] - before
                let c: SIMD2<Float> = 2 * before - 5 * points[i - 1] + 4 * points[i] - after
                let d: SIMD2<Float> = 3 * (points[i - 1] - points[i]) + after - before
                let next: SIMD2<Float> = 0.5 * (a + t * (b + t * (c + t * d)))
                mark(last, next, reach: reach)
                last = next
            }
        }
    }

    /// Lowers the distances around the line from `a` to `b`.
    private mutating func mark(_ a: SIMD2<Float>, _ b: SIMD2<Float>, reach: Float) {
        let limit = SIMD2<Float>(repeating: Float(GlyphPen.side - 1))
        let low = pointwiseMax(pointwiseMin(a, b) - reach, .zero).rounded(.up)
        let high = pointwiseMin(pointwiseMax(a, b) + reach, limit).rounded(.down)
        guard low.x <= high.x, low.y <= high.y else { return }
        let along = b - a
        let squared = max(along.x * along.x + along.y * along.y, 1e-6)
        for y in Int(low.y)...Int(high.y) {
            for x in Int(low.x)...Int(high.x) {
                let offset = SIMD2(Float(x), Float(y)) - a
                let t = min(1, max(0, (offset.x * along.x + offset.y * along.y) / squared))
                let away = offset - t * along
                let distance = away.x * away.x + away.y * away.y
                let pixel = y * GlyphPen.side + x
                if distance < distances[pixel] { distances[pixel] = distance }
            }
        }
    }

    /// Turns distances into ink: full inside the stroke, falling off over `softness`, with some noise.
    private mutating func ink(radius: Float, softness: Float, into pixels: UnsafeMutablePointer<UInt8>) {
        let peak = between(150, 255)
        let noise = between(0, 26)
        var bits: UInt32 = 0
        for i in distances.indices {
            if i % 4 == 0 { bits = random.next() }
            let depth = (radius + softness / 2 - distances[i].squareRoot()) / softness
            let grain = (Float(bits & 255) - 127.5) / 127.5 * noise
            bits >>= 8
            pixels[i] = UInt8(min(255, max(0, (peak * min(1, max(0, depth)) + grain).rounded())))
        }
    }
}

/// Where a digit lies and how it leans: a bend of the unit box, then an affine map into pixels.
private struct Placement {
    /// Displacements of the nodes of a grid of 3 x 3 over the unit box.
    private var bend: [SIMD2<Float>]
    private let xAxis: SIMD2<Float>
    private let yAxis: SIMD2<Float>
    private let centre: SIMD2<Float>

    init(_ random: inout Philox) {
        func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * random.uniform() }
        bend = (0..<9).map { _ in SIMD2(between(-0.09, 0.09), between(-0.07, 0.07)) }
        let height = between(14, 21)
        let width = height * between(0.5, 0.9)
        let shear = between(-0.25, 0.4)
        // The tangent of half the angle: at most 17 degrees either way.
        let t = between(-0.15, 0.15)
        let cosine = (1 - t * t) / (1 + t * t)
        let sine = 2 * t / (1 + t * t)
        xAxis = SIMD2(cosine, sine) * width
        yAxis = SIMD2(-sine - shear * cosine, cosine - shear * sine) * height
        centre = SIMD2(13.5 + between(-2.5, 2.5), 13.5 + between(-2.5, 2.5))
    }

    /// From the unit box to pixels.
    func apply(_ point: SIMD2<Float>) -> SIMD2<Float> {
        let inside = pointwiseMin(pointwiseMax(point, .zero), .one)
        let column = inside.x < 0.5 ? 0 : 1
        let row = inside.y < 0.5 ? 0 : 1
        let u = 2 * inside.x - Float(column)
        let v = 2 * inside.y - Float(row)
        let node = row * 3 + column
        let upper = bend[node] * (1 - u) + bend[node + 1] * u
        let lower = bend[node + 3] * (1 - u) + bend[node + 4] * u
        let bent = point + upper * (1 - v) + lower * v - 0.5
        return centre + bent.x * xAxis + bent.y * yAxis
    }
}
