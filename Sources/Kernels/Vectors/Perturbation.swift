import COpenBLAS

/// The L1 norm of `count` floats, in a fixed order and double precision.
public func sumOfMagnitudes(_ x: UnsafePointer<Float>, count: Int) -> Double {
    var low = SIMD8<Double>.zero
    var high = SIMD8<Double>.zero
    var i = 0
    while i + 16 <= count {
        let v = x.vector(i)
        let magnitude = v.replacing(with: -v, where: v .< 0)
        low += widen(magnitude.lowHalf)
        high += widen(magnitude.highHalf)
        i += 16
    }
    var sum = (low + high).sum()
    while i < count {
        sum += Double(abs(x[i]))
        i += 1
    }
    return sum
}

/// direction = -sign(gradient), 0 where the gradient is 0.
public func writeDescent(
    _ direction: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, count: Int
) {
    for i in 0..<count { direction[i] = gradient[i] > 0 ? -1 : gradient[i] < 0 ? 1 : 0 }
}

/// y = x + scale d, over `count` floats.
public func addScaled(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ d: UnsafePointer<Float>, scale: Float, count: Int
) {
    var i = 0
    while i + 16 <= count {
        y.store(x.vector(i).addingProduct(d.vector(i), Vector(repeating: scale)), i)
        i += 16
    }
    while i < count {
        y[i] = x[i].addingProduct(d[i], scale)
        i += 1
    }
}

/// y = x + scale sign(g), over `count` floats; nothing is added where g is 0 or not a number.
public func addSign(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ g: UnsafePointer<Float>, scale: Float, count: Int
) {
    for i in 0..<count { y[i] = x[i] + (g[i] > 0 ? scale : g[i] < 0 ? -scale : 0) }
}

/// Moves y to the nearest point that is no further than `radius` from x in any element.
public func projectLinf(
    _ y: UnsafeMutablePointer<Float>, about x: UnsafePointer<Float>, radius: Float, count: Int
) {
    for i in 0..<count { y[i] = max(x[i] - radius, min(x[i] + radius, y[i])) }
}

/// Moves y to the nearest point whose L2 distance from x is at most `radius`; the distance is summed in double
/// precision and a fixed order.
public func projectL2(
    _ y: UnsafeMutablePointer<Float>, about x: UnsafePointer<Float>, radius: Double, count: Int
) {
    let distance = squaredDistance(x, y, count: count).squareRoot()
    guard distance > radius else { return }
    let scale = Float(radius / distance)
    for i in 0..<count { y[i] = x[i] + scale * (y[i] - x[i]) }
}

/// The squared L2 distance of `count` floats, in a fixed order and double precision.
public func squaredDistance(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Double {
    var low = SIMD8<Double>.zero
    var high = SIMD8<Double>.zero
    var i = 0
    while i + 16 <= count {
        let d = x.vector(i) - y.vector(i)
        let (first, second) = (widen(d.lowHalf), widen(d.highHalf))
        low.addProduct(first, first)
        high.addProduct(second, second)
        i += 16
    }
    var sum = (low + high).sum()
    while i < count {
        let d = Double(x[i] - y[i])
        sum += d * d
        i += 1
    }
    return sum
}

/// Moves each element of y into [low, high].
public func clamp(
    _ y: UnsafeMutablePointer<Float>, low: UnsafePointer<Float>, high: UnsafePointer<Float>, count: Int
) {
    for i in 0..<count { y[i] = max(low[i], min(high[i], y[i])) }
}

/// The range of pixels, 0...255, as the network sees it: less the mean image.
public struct PixelBox {
    /// The least value of each element.
    public let low: Buffer<Float>
    /// The largest value of each element.
    public let high: Buffer<Float>

    /// For a mean image, HWC in 0..255.
    public init(meanImage: [Float]) {
        low = Buffer(meanImage.map { -$0 })
        high = Buffer(meanImage.map { 255 - $0 })
    }

    /// Moves one image into the box.
    public func clamp(_ image: UnsafeMutablePointer<Float>) {
        Kernels.clamp(image, low: low.pointer, high: high.pointer, count: low.count)
    }
}
