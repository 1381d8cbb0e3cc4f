/// y = the average of each channel of one image.
///
/// Whole vectors are written: `y` has room for the channels rounded up to whole vectors.
public func globalAverage(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ shape: ImageShape) {
    let share = 1 / Float(shape.area)
    for c in stride(from: 0, to: shape.channels, by: 16) {
        var sum = Vector.zero
        for p in 0..<shape.area { sum += x.vector(p &* shape.channels &+ c) }
        y.store(sum * share, c)
    }
}

/// xGradient = the gradient of one image's input, from that of the averages of its channels.
public func globalAverageGradient(
    _ xGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, _ shape: ImageShape
) {
    let share = 1 / Float(shape.area)
    for p in 0..<shape.area {
        // What is written beyond a position's channels is overwritten by the next position.
        for c in stride(from: 0, to: shape.channels, by: 16) {
            xGradient.store(yGradient.vector(c) * share, p &* shape.channels &+ c)
        }
    }
}
