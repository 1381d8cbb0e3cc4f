/// Batch normalization of one channel as an affine map, from moments over the whole global batch (Ioffe & Szegedy 2015,
/// algorithm 1), in double precision.
public struct NormalizationMoments: Sendable {
    /// The batch mean of u.
    public var mean: Double
    /// The batch variance of u with divisor n.
    public var variance: Double

    /// From the sums of u and u^2 over n elements.
    public init(sum: Double, squares: Double, count: Double) {
        mean = sum / count
        // Rounding may leave a constant channel a little below zero; a NaN stays.
        let variance = squares / count - mean * mean
        self.variance = variance < 0 ? 0 : variance
    }

    /// Makes the moments.
    public init(mean: Double, variance: Double) {
        self.mean = mean
        self.variance = variance
    }

    /// scale and shift of z = scale u + shift.
    public func affine(gamma: Float, beta: Float, stabilizer: Double) -> (scale: Float, shift: Float) {
        let scale = Double(gamma) / (variance + stabilizer).squareRoot()
        return (Float(scale), Float(Double(beta) - scale * mean))
    }

    /// The gradients of gamma and beta, and the coefficients of du = outputFactor dz + inputFactor u + constant, from
    /// the sums over the global batch of dz and of dz u.
    ///
    /// With x' = (u - mean) / deviation: gammaGradient = sum dz x', betaGradient = sum dz, and
    /// du = gamma / deviation (dz - betaGradient / n - x' gammaGradient / n).
    public func gradient(gradientSum: Double, productSum: Double, count: Double, gamma: Float, stabilizer: Double)
        -> (gamma: Float, beta: Float, outputFactor: Float, inputFactor: Float, constant: Float)
    {
        let inverse = 1 / (variance + stabilizer).squareRoot()
        let gammaGradient = (productSum - mean * gradientSum) * inverse
        let scale = Double(gamma) * inverse
        let inputFactor = -scale * inverse * gammaGradient / count
        let constant = -scale * gradientSum / count - inputFactor * mean
        return (Float(gammaGradient), Float(gradientSum), Float(scale), Float(inputFactor), Float(constant))
    }
}
