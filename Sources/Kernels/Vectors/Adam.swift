import COpenBLAS

/// The constants of one step of Adam (Kingma & Ba 2015, algorithm 1), and of AdamW (Loshchilov & Hutter 2019, algorithm
/// 2).
public struct AdamStep: Sendable {
    /// The shares of the first and of the second moment that are kept, in [0, 1).
    public var beta1, beta2: Float
    /// Added to the root of the second moment.
    public var epsilon: Float
    /// The factor on the gradient.
    public var scale: Float
    /// The weight decay that is part of the gradient.
    public var decay: Float
    /// The factor on the parameters before the update: 1, or 1 - learning rate times the decay of AdamW.
    public var shrinkage: Float
    /// The learning rate over 1 - beta1^t, of step t.
    public var rate: Float
    /// The root of 1 - beta2^t.
    public var correction: Float

    /// Makes the constants of step `step`, counted from 1.
    public init(
        step: Int, beta1: Double, beta2: Double, epsilon: Double, scale: Float, decay: Double, shrinkage: Double,
        learningRate: Double
    ) {
        (self.beta1, self.beta2, self.epsilon) = (Float(beta1), Float(beta2), Float(epsilon))
        (self.scale, self.decay, self.shrinkage) = (scale, Float(decay), Float(shrinkage))
        rate = Float(learningRate / (1 - Self.power(beta1, step)))
        correction = Float((1 - Self.power(beta2, step)).squareRoot())
    }

    /// beta^step by squaring: the same bits on every host, which no library's `pow` promises.
    private static func power(_ beta: Double, _ step: Int) -> Double {
        var (result, square, rest) = (1.0, beta, step)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}

/// One step of Adam on `count` parameters w, with moments m and v and gradient g:
/// d = scale g + decay w; m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2;
/// w = shrinkage w - rate m / (sqrt(v) / correction + epsilon).
///
/// - Returns: the sums of the squares of the gradient and of the new parameters; not finite if one of them is not.
public func adamStep(
    _ w: UnsafeMutablePointer<Float>, _ m: UnsafeMutablePointer<Float>, _ v: UnsafeMutablePointer<Float>,
    _ g: UnsafePointer<Float>, count: Int, _ step: AdamStep
) -> (gradient: Double, parameters: Double) {
    var (gradientSquares, squares) = (SquareSum(), SquareSum())
    let (fresh1, fresh2) = (1 - step.beta1, 1 - step.beta2)
    let inverse = 1 / step.correction
    var i = 0
    while i + 16 <= count {
        let (x, slope) = (w.vector(i), g.vector(i))
        gradientSquares.add(slope)
        let d = (slope * step.scale).addingProduct(x, Vector(repeating: step.decay))
        let first = (d * fresh1).addingProduct(m.vector(i), Vector(repeating: step.beta1))
        let second = (d * d * fresh2).addingProduct(v.vector(i), Vector(repeating: step.beta2))
        let size = Vector(repeating: step.epsilon).addingProduct(
            square_roots(second), Vector(repeating: inverse))
        let updated = (x * step.shrinkage).addingProduct(first / size, Vector(repeating: -step.rate))
        m.store(first, i)
        v.store(second, i)
        w.store(updated, i)
        squares.add(updated)
        i += 16
    }
    while i < count {
        gradientSquares.add(g[i])
        let d = (g[i] * step.scale).addingProduct(w[i], step.decay)
        m[i] = (d * fresh1).addingProduct(m[i], step.beta1)
        v[i] = (d * d * fresh2).addingProduct(v[i], step.beta2)
        let size = step.epsilon.addingProduct(v[i].squareRoot(), inverse)
        w[i] = (w[i] * step.shrinkage).addingProduct(m[i] / size, -step.rate)
        squares.add(w[i])
        i += 1
    }
    return (gradientSquares.total, squares.total)
}
