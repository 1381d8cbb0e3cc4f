/// The L1 norm of `count` floats, in a fixed order and double precision.
public func sumOfMagnitudes(_ x: UnsafePointer<Float>, count: Int) -> Double {
    var low = SIMD8<Double>.zero
    var high = SIMD8<Double>.zero
    var i = 0
    while i + 16 <= count {
        let v = x.vector(i)
        let magnitude = v.replacing(with: -v, where: v .< 0)
        low += SIMD8<Double>(magnitude.lowHalf)
        high += SIMD8<Double>(magnitude.highHalf)
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
