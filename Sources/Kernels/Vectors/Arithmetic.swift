/// An operation on images, element by element: the first image, then each further one in turn.
///
/// An operand may be *spread*: one element a channel, taken at every position of the image.
public enum Arithmetic: Sendable, CaseIterable {
    /// y = x1 + x2 + ...
    case sum
    /// y = x1 x2 ...
    case product
    /// y = x1 / x2 / ...
    case quotient

    /// What it does, for sentences, and what stands between its operands there: `divides`, `by`.
    public var words: (verb: String, joint: String) {
        switch self {
        case .sum: ("adds", "and")
        case .product: ("multiplies", "and")
        case .quotient: ("divides", "by")
        }
    }
}

/// y = y x, or another operation of the two, for one image.
///
/// - Parameters:
///   - y: [shape], read and written.
///   - x: [shape]; [channels] where it is spread.
public func combine(
    _ y: UnsafeMutablePointer<Float>, _ operation: Arithmetic, _ x: UnsafePointer<Float>, _ shape: ImageShape,
    isSpread: Bool
) {
    switch operation {
    case .sum: forEachVector(y, x, shape, isSpread) { $0 + $1 }
    case .product: forEachVector(y, x, shape, isSpread) { $0 * $1 }
    case .quotient: forEachVector(y, x, shape, isSpread) { $0 / $1 }
    }
}

/// The gradient of a divisor x in y = .../ x: gradient = -gradient y / x, for one image.
///
/// - Parameters:
///   - gradient: that of y, [shape], overwritten.
///   - y: the quotient, [shape].
///   - x: the divisor, [shape]; [channels] where it is spread, whose own gradient is then the sum over the positions.
public func divisorGradient(
    _ gradient: UnsafeMutablePointer<Float>, _ y: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ shape: ImageShape,
    isSpread: Bool
) {
    forEachVector(gradient, y, shape, false) { -$0 * $1 }
    forEachVector(gradient, x, shape, isSpread) { $0 / $1 }
}

/// y = x at every position of one image: y [shape], x [channels].
public func spread(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ shape: ImageShape) {
    copyChannels(y, stride: shape.channels, x, stride: 0, channels: shape.channels, positions: shape.area)
}

/// xGradient = the gradient of what ``spread`` takes, from that of its result: the sum over the positions of one image,
/// in ascending order.
public func spreadGradient(
    _ xGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ shape: ImageShape
) {
    for c in stride(from: 0, to: shape.channels, by: 16) {
        var sum = Vector.zero
        for p in 0..<shape.area { sum += yGradient.vector(p &* shape.channels &+ c) }
        store(sum, to: xGradient + c, min(16, shape.channels - c))
    }
}

/// y = body(y, x) of whole vectors and what is left of one; nothing else is written.
@inline(__always)
private func forEachVector(
    _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ shape: ImageShape, _ isSpread: Bool,
    _ body: (Vector, Vector) -> Vector
) {
    let (runs, count) = isSpread ? (shape.area, shape.channels) : (1, shape.count)
    for run in 0..<runs {
        let target = y + run * count
        var i = 0
        while i + 16 <= count {
            target.store(body(target.vector(i), x.vector(i)), i)
            i += 16
        }
        if i < count { store(body(target.vector(i), x.vector(i)), to: target + i, count - i) }
    }
}
