import Foundation

/// The hybrid loss of robust networks (equation 7), on the confidences y = exp(-z^2) of the last RBF layer:
///
///     L = -alpha1 ln(y_l / sum_i y_i) + alpha2 (1 - y_l)^p + alpha3 sum_{i != l} y_i^p
///
/// With a `tolerance` t the logarithms are those of the released code, ln(y_l + t) and ln(sum y + t), in float32.
/// Without one they are exact: y / sum y = softmax(-z^2), which nothing underflows.
public struct HybridLoss: Codable, Hashable, Sendable {
    /// The weights alpha1, alpha2, alpha3.
    public var alpha: [Double]
    /// The order p > 1 of the errors.
    public var p: Double
    /// The number added inside the logarithms, or nil for the exact form.
    public var tolerance: Double?

    /// Makes the loss.
    public init(alpha: [Double], p: Double = 2, tolerance: Double? = nil) {
        precondition(alpha.count == 3 && p > 1, "a hybrid loss of alpha \(alpha), p \(p)")
        self.alpha = alpha
        self.p = p
        self.tolerance = tolerance
    }
}

/// A loss that a network minimises.
public enum Loss: Hashable, Sendable {
    /// -ln softmax(z)_l, of plain networks.
    case softmaxCrossEntropy
    /// Equation 7, of robust networks.
    case hybrid(HybridLoss)
}

extension Loss {
    /// The loss of one sample with outputs z (before the last RBF layer in a robust network) and label l, in [0,
    /// outputs).
    ///
    /// Writes the gradient with respect to z, times `scale`; returns the loss unscaled. Bits depend on this sample
    /// alone.
    ///
    /// Where labels are soft the target of the cross-entropy is (1 - e) (1 - s) for the label, (1 - e) s for the other
    /// label of a mixture, and e / K more for each of the K outputs (Szegedy et al. 2016, section 7; Yun et al. 2019).
    ///
    /// - Parameters:
    ///   - other: the other label of a mixture, of the share s. For the softmax cross-entropy alone, as `smoothing`.
    ///   - smoothing: e.
    public func value(
        _ z: UnsafePointer<Float>, label: Int, outputs: Int, gradient: UnsafeMutablePointer<Float>?, scale: Float,
        other: (label: Int, share: Float)? = nil, smoothing: Float = 0
    ) -> Double {
        switch self {
        case .softmaxCrossEntropy:
            other == nil && smoothing == 0
                ? crossEntropy(z, label, outputs, gradient, scale)
                : softCrossEntropy(z, label, other ?? (label, 0), smoothing, outputs, gradient, scale)
        case .hybrid(let loss): loss.value(z, label, outputs, gradient, scale)
        }
    }

    /// The confidence of each output: softmax(z) for plain networks, y = exp(-z^2) for robust ones.
    public func confidences(_ z: UnsafePointer<Float>, outputs: Int, into y: UnsafeMutablePointer<Float>) {
        switch self {
        case .softmaxCrossEntropy:
            let total = logSumExp(outputs) { z[$0] }
            for i in 0..<outputs { y[i] = exp(z[i] - total) }
        case .hybrid:
            for i in 0..<outputs { y[i] = exp(-z[i] * z[i]) }
        }
    }

    /// The confidence of one output.
    public func confidence(_ z: UnsafePointer<Float>, of output: Int, outputs: Int) -> Float {
        switch self {
        case .softmaxCrossEntropy: exp(z[output] - logSumExp(outputs) { z[$0] })
        case .hybrid: exp(-z[output] * z[output])
        }
    }

    /// The output that wins: the largest z, or the largest -z^2 (which orders what y = exp(-z^2) would underflow). The
    /// first one in case of a tie.
    public func winner(_ z: UnsafePointer<Float>, outputs: Int) -> Int {
        var best = 0
        for i in 1..<max(1, outputs) where score(z[i]) > score(z[best]) { best = i }
        return best
    }

    /// The logit of an output: z for plain networks, -z^2 for robust ones.
    @inline(__always)
    public func score(_ z: Float) -> Float {
        if case .hybrid = self { return -z * z }
        return z
    }

    /// The derivative of an output's logit: 1 for plain networks, -2 z for robust ones.
    @inline(__always)
    public func scoreSlope(_ z: Float) -> Float {
        if case .hybrid = self { return -2 * z }
        return 1
    }

    private func crossEntropy(
        _ z: UnsafePointer<Float>, _ label: Int, _ outputs: Int, _ gradient: UnsafeMutablePointer<Float>?,
        _ scale: Float
    ) -> Double {
        let total = logSumExp(outputs) { z[$0] }
        if let gradient {
            for i in 0..<outputs { gradient[i] = scale * (exp(z[i] - total) - (i == label ? 1 : 0)) }
        }
        return Double(total - z[label])
    }

    /// Of a soft target t, which sums up to 1: ln sum exp(z) - sum t z.
    private func softCrossEntropy(
        _ z: UnsafePointer<Float>, _ label: Int, _ other: (label: Int, share: Float), _ smoothing: Float,
        _ outputs: Int, _ gradient: UnsafeMutablePointer<Float>?, _ scale: Float
    ) -> Double {
        let total = logSumExp(outputs) { z[$0] }
        var loss = Double(total)
        for i in 0..<outputs {
            var target = smoothing / Float(outputs)
            if i == label { target += (1 - smoothing) * (1 - other.share) }
            if i == other.label { target += (1 - smoothing) * other.share }
            loss -= Double(target) * Double(z[i])
            if let gradient { gradient[i] = scale * (exp(z[i] - total) - target) }
        }
        return loss
    }
}

extension HybridLoss {
    fileprivate func value(
        _ z: UnsafePointer<Float>, _ label: Int, _ outputs: Int, _ gradient: UnsafeMutablePointer<Float>?,
        _ scale: Float
    ) -> Double {
        let (a1, a2, a3) = (Float(alpha[0]), Float(alpha[1]), Float(alpha[2]))
        let order = Float(p)
        let yLabel = exp(-z[label] * z[label])
        var loss = Double(a2 * power(1 - yLabel, order))
        var sum: Float = 0
        for i in 0..<outputs {
            let y = exp(-z[i] * z[i])
            sum += y
            if i != label { loss += Double(a3 * power(y, order)) }
        }
        let logSum = tolerance == nil ? logSumExp(outputs) { -z[$0] * z[$0] } : 0
        if let tolerance {
            loss += Double(a1 * (log(sum + Float(tolerance)) - log(yLabel + Float(tolerance))))
        } else {
            loss += Double(a1 * (logSum + z[label] * z[label]))
        }
        guard let gradient else { return loss }
        for i in 0..<outputs {
            let y = exp(-z[i] * z[i])
            // The gradient with respect to y, apart from the exact logarithm, whose gradient with respect to z stays
            // finite.
            var yGradient: Float = 0
            var zGradient: Float = 0
            if let tolerance {
                yGradient = a1 / (sum + Float(tolerance))
                if i == label { yGradient -= a1 / (yLabel + Float(tolerance)) }
            } else {
                zGradient = -2 * z[i] * a1 * exp(-z[i] * z[i] - logSum)
                if i == label { zGradient += 2 * z[i] * a1 }
            }
            yGradient += i == label ? -a2 * order * power(1 - y, order - 1) : a3 * order * power(y, order - 1)
            gradient[i] = scale * (zGradient - 2 * z[i] * y * yGradient)
        }
        return loss
    }
}

@inline(__always)
private func power(_ base: Float, _ exponent: Float) -> Float {
    exponent == 1 ? base : exponent == 2 ? base * base : pow(max(0, base), exponent)
}

/// ln sum exp(x_i), without overflow.
@inline(__always)
private func logSumExp(_ count: Int, _ x: (Int) -> Float) -> Float {
    var largest = x(0)
    for i in 1..<max(1, count) { largest = max(largest, x(i)) }
    var sum: Float = 0
    for i in 0..<count { sum += exp(x(i) - largest) }
    return largest + log(sum)
}
