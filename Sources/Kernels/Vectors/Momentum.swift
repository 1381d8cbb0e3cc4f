import COpenBLAS

/// One step of stochastic gradient descent with momentum on `count` parameters:
/// v = momentum v + scale g + decay w; w -= rate v, or of Nesterov's form w -= rate (scale g + decay w + momentum v)
/// (Sutskever et al. 2013).
///
/// - Returns: the sums of the squares of the gradient and of the new parameters; not finite if one of them is not.
public func momentumStep(
    _ w: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, count: Int,
    momentum: Float, scale: Float, decay: Float, rate: Float, isNesterov: Bool = false
) -> (gradient: Double, parameters: Double) {
    // Two loops, neither of which asks.
    isNesterov
        ? momentumSteps(
            w, v, g, count: count, momentum: momentum, scale: scale, decay: decay, rate: rate, looksAhead: true)
        : momentumSteps(
            w, v, g, count: count, momentum: momentum, scale: scale, decay: decay, rate: rate, looksAhead: false)
}

@inline(__always)
private func momentumSteps(
    _ w: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, count: Int,
    momentum: Float, scale: Float, decay: Float, rate: Float, looksAhead: Bool
) -> (gradient: Double, parameters: Double) {
    var (gradientSquares, squares) = (SquareSum(), SquareSum())
    var i = 0
    while i + 16 <= count {
        let (x, slope) = (w.vector(i), g.vector(i))
        gradientSquares.add(slope)
        let gradient = (slope * scale).addingProduct(x, Vector(repeating: decay))
        let velocity = gradient.addingProduct(v.vector(i), Vector(repeating: momentum))
        let direction = looksAhead ? gradient.addingProduct(velocity, Vector(repeating: momentum)) : velocity
        let updated = x.addingProduct(direction, Vector(repeating: -rate))
        v.store(velocity, i)
        w.store(updated, i)
        squares.add(updated)
        i += 16
    }
    while i < count {
        gradientSquares.add(g[i])
        let gradient = (g[i] * scale).addingProduct(w[i], decay)
        v[i] = gradient.addingProduct(v[i], momentum)
        w[i].addProduct(looksAhead ? gradient.addingProduct(v[i], momentum) : v[i], -rate)
        squares.add(w[i])
        i += 1
    }
    return (gradientSquares.total, squares.total)
}

/// The sum of the squares of `count` floats, in a fixed order and double precision; not finite if one of them is not.
public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
    // Two sums in turn, so that an addition need not wait for the one before.
    var (even, odd) = (SquareSum(), SquareSum())
    var i = 0
    while i + 32 <= count {
        even.add(x.vector(i))
        odd.add(x.vector(i + 16))
        i += 32
    }
    while i < count {
        even.add(x[i])
        i += 1
    }
    return even.total + odd.total
}

/// A sum of squares in double precision, in a fixed order.
struct SquareSum {
    private var low = SIMD8<Double>.zero
    private var high = SIMD8<Double>.zero
    private var rest = 0.0

    @inline(__always)
    mutating func add(_ x: Vector) {
        let (a, b) = (widen(x.lowHalf), widen(x.highHalf))
        low.addProduct(a, a)
        high.addProduct(b, b)
    }

    @inline(__always)
    mutating func add(_ x: Float) { rest += Double(x) * Double(x) }

    var total: Double { (low + high).sum() + rest }
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
