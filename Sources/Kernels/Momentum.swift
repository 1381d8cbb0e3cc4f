/// One step of stochastic gradient descent with momentum on `count` parameters:
/// v = momentum v + scale g + decay w; w -= rate v.
public func momentumStep(
    _ w: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, count: Int,
    momentum: Float, scale: Float, decay: Float, rate: Float
) {
    var i = 0
    while i + 16 <= count {
        let x = w.vector(i)
        let gradient = (g.vector(i) * scale).addingProduct(x, Vector(repeating: decay))
        let velocity = gradient.addingProduct(v.vector(i), Vector(repeating: momentum))
        v.store(velocity, i)
        w.store(x.addingProduct(velocity, Vector(repeating: -rate)), i)
        i += 16
    }
    while i < count {
        let gradient = (g[i] * scale).addingProduct(w[i], decay)
        v[i] = gradient.addingProduct(v[i], momentum)
        w[i].addProduct(v[i], -rate)
        i += 1
    }
}

/// The sum of the squares of `count` floats, in a fixed order and double precision; not finite if one of them is not.
public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
    var low = SIMD8<Double>.zero
    var high = SIMD8<Double>.zero
    var i = 0
    while i + 16 <= count {
        let v = x.vector(i)
        let (a, b) = (SIMD8<Double>(v.lowHalf), SIMD8<Double>(v.highHalf))
        low.addProduct(a, a)
        high.addProduct(b, b)
        i += 16
    }
    var sum = (low + high).sum()
    while i < count {
        sum += Double(x[i]) * Double(x[i])
        i += 1
    }
    return sum
}

/// y += x, over `count` floats.
public func add(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, count: Int) {
    var i = 0
    while i + 16 <= count {
        y.store(y.vector(i) + x.vector(i), i)
        i += 16
    }
    while i < count {
        y[i] += x[i]
        i += 1
    }
}
