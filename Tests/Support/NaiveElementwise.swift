import Foundation
import Kernels

extension Naive {
    /// y = f(z).
    public static func activation(_ kind: Activation, _ z: Double) -> Double { formulas(kind).value(z) }

    /// f'(z), one-sided or 0 at the kinks.
    public static func slope(_ kind: Activation, _ z: Double) -> Double { formulas(kind).slope(z) }

    private static func formulas(_ kind: Activation) -> Formulas {
        guard let formulas = activations[kind.rawValue] else { preconditionFailure("no naive \(kind.rawValue)") }
        return formulas
    }

    private typealias Formulas = (value: @Sendable (Double) -> Double, slope: @Sendable (Double) -> Double)

    /// The function and its derivative of each activation of the catalogue.
    private static let activations: [String: Formulas] = [
        "identity": ({ $0 }, { _ in 1 }),
        "relu": ({ $0 > 0 ? $0 : 0 }, { $0 > 0 ? 1 : 0 }),
        "sigmoid": ({ 1 / (1 + exp(-$0)) }, { exp(-$0) / ((1 + exp(-$0)) * (1 + exp(-$0))) }),
        "rbf": ({ exp(-$0 * $0) }, { -2 * $0 * exp(-$0 * $0) }),
        "leaky_relu": ({ $0 > 0 ? $0 : 0.01 * $0 }, { $0 > 0 ? 1 : 0.01 }),
        "leaky_relu:slope=-2": ({ $0 > 0 ? $0 : -2 * $0 }, { $0 > 0 ? 1 : -2 }),
        "silu": ({ $0 / (1 + exp(-$0)) }, { (1 + exp(-$0) + $0 * exp(-$0)) / ((1 + exp(-$0)) * (1 + exp(-$0))) }),
        "hard_swish": (
            { $0 <= -3 ? 0 : $0 >= 3 ? $0 : $0 * ($0 + 3) / 6 }, { $0 < -3 ? 0 : $0 > 3 ? 1 : (2 * $0 + 3) / 6 }
        ),
        "tanh": ({ Foundation.tanh($0) }, { 1 / (cosh($0) * cosh($0)) }),
        "clip": ({ min(6, max(0, $0)) }, { $0 > 0 && $0 < 6 ? 1 : 0 }),
        "clip:low=-1.5:high=0.25": ({ min(0.25, max(-1.5, $0)) }, { $0 > -1.5 && $0 < 0.25 ? 1 : 0 }),
        "mrelu": ({ abs($0) < 1 ? 1 - abs($0) : 0 }, { $0 > 0 && $0 < 1 ? -1 : $0 < 0 && $0 > -1 ? 1 : 0 }),
    ]

    /// z = scale u + shift for channels-last data.
    public static func affine(_ u: [Double], scale: [Double], shift: [Double]) -> [Double] {
        u.indices.map { scale[$0 % scale.count] * u[$0] + shift[$0 % scale.count] }
    }

    /// The first operand and then each further one in turn, element by element of one image; an operand of fewer
    /// elements has one a channel.
    public static func combine(_ operation: Arithmetic, _ operands: [[Double]], _ shape: ImageShape) -> [Double] {
        (0..<shape.count).map { i in
            let values = operands.map { x in x.count < shape.count ? x[i % shape.channels] : x[i] }
            return values.dropFirst().reduce(values[0]) { y, x in
                switch operation {
                case .sum: y + x
                case .product: y * x
                case .quotient: y / x
                }
            }
        }
    }

    /// For each channel the sum of a and the sum of a b over channels-last data.
    public static func sums(_ a: [Double], _ b: [Double], channels: Int) -> (first: [Double], second: [Double]) {
        var (first, second) = ([Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels))
        for i in a.indices {
            first[i % channels] += a[i]
            second[i % channels] += a[i] * b[i]
        }
        return (first, second)
    }

    /// The mean and the variance (divisor n, two passes) of each channel.
    public static func moments(_ u: [Double], channels: Int) -> (mean: [Double], variance: [Double]) {
        let n = Double(u.count / channels)
        let mean = sums(u, u, channels: channels).first.map { $0 / n }
        let centred = u.indices.map { u[$0] - mean[$0 % channels] }
        return (mean, sums(centred, centred, channels: channels).second.map { $0 / n })
    }

    /// Batch norm: gamma (u - mean) / sqrt(variance + stabilizer) + beta.
    public static func normalize(
        _ u: [Double], mean: [Double], variance: [Double], gamma: [Double], beta: [Double], stabilizer: Double
    ) -> [Double] {
        u.indices.map { i in
            let c = i % gamma.count
            return gamma[c] * (u[i] - mean[c]) / (variance[c] + stabilizer).squareRoot() + beta[c]
        }
    }

    /// The gradients of u, gamma and beta of batch norm on the batch's own moments, step by step through the mean and
    /// the variance (Ioffe & Szegedy 2015, section 3).
    public static func normalizeGradient(
        _ u: [Double], _ zGradient: [Double], gamma: [Double], stabilizer: Double
    ) -> (u: [Double], gamma: [Double], beta: [Double]) {
        let channels = gamma.count
        let n = Double(u.count / channels)
        let (mean, variance) = moments(u, channels: channels)
        let deviation = variance.map { ($0 + stabilizer).squareRoot() }
        var (gammaGradient, betaGradient) = (gamma.map { _ in 0.0 }, gamma.map { _ in 0.0 })
        var (meanGradient, varianceGradient) = (betaGradient, betaGradient)
        for i in u.indices {
            let c = i % channels
            let normalizedGradient = zGradient[i] * gamma[c]
            gammaGradient[c] += zGradient[i] * (u[i] - mean[c]) / deviation[c]
            betaGradient[c] += zGradient[i]
            meanGradient[c] -= normalizedGradient / deviation[c]
            varianceGradient[c] -=
                normalizedGradient * (u[i] - mean[c]) / (2 * deviation[c] * deviation[c] * deviation[c])
        }
        let uGradient = u.indices.map { i in
            let c = i % channels
            return zGradient[i] * gamma[c] / deviation[c] + varianceGradient[c] * 2 * (u[i] - mean[c]) / n
                + meanGradient[c] / n
        }
        return (uGradient, gammaGradient, betaGradient)
    }
}
