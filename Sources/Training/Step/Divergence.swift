import Foundation
import Kernels

/// The Kullback-Leibler divergence KL(p || q) = sum p_i ln(p_i / q_i) of two softmaxes over logits (z, of robust
/// networks -z^2), for TRADES (Zhang et al. 2019, equation 5).
package enum Divergence {
    /// The probabilities of one sample's outputs z.
    package static func probabilities(
        _ z: UnsafePointer<Float>, _ loss: Loss, outputs: Int, into p: UnsafeMutablePointer<Float>
    ) {
        var top = loss.score(z[0])
        for i in 1..<max(1, outputs) { top = max(top, loss.score(z[i])) }
        var sum: Float = 0
        for i in 0..<outputs {
            p[i] = exp(loss.score(z[i]) - top)
            sum += p[i]
        }
        for i in 0..<outputs { p[i] /= sum }
    }

    /// KL(p || q), q the probabilities of z; writes `scale` times its gradient with respect to z: q - p, chained.
    package static func value(
        _ z: UnsafePointer<Float>, _ loss: Loss, outputs: Int, from p: UnsafePointer<Float>,
        gradient: UnsafeMutablePointer<Float>, scale: Float
    ) -> Double {
        probabilities(z, loss, outputs: outputs, into: gradient)
        var sum = 0.0
        for i in 0..<outputs {
            sum += term(p[i], gradient[i])
            gradient[i] = scale * (gradient[i] - p[i]) * loss.scoreSlope(z[i])
        }
        return sum
    }

    /// Adds `scale` times the gradient of KL(p || q) with respect to the z whose probabilities p are: p_i (ln(p_i /
    /// q_i) - KL), chained.
    package static func addGradient(
        _ z: UnsafePointer<Float>, _ loss: Loss, outputs: Int, p: UnsafePointer<Float>, q: UnsafePointer<Float>,
        to gradient: UnsafeMutablePointer<Float>, scale: Float
    ) {
        var sum = 0.0
        for i in 0..<outputs { sum += term(p[i], q[i]) }
        for i in 0..<outputs {
            let slope = term(p[i], q[i]) - Double(p[i]) * sum
            gradient[i] += scale * Float(slope) * loss.scoreSlope(z[i])
        }
    }

    private static func term(_ p: Float, _ q: Float) -> Double {
        p > 0 ? Double(p) * (log(Double(p)) - log(max(Double(q), 1e-30))) : 0
    }
}
