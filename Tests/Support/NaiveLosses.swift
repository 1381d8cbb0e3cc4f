import Foundation
import Kernels

extension Naive {
    /// -ln softmax(z)_l.
    public static func crossEntropy(_ z: [Double], label: Int) -> Double {
        let largest = z.reduce(-.infinity, max)
        return log(z.reduce(0) { $0 + exp($1 - largest) }) - (z[label] - largest)
    }

    /// Equation 7 on y = exp(-z^2), with the tolerance inside the logarithms where there is one.
    public static func hybrid(_ z: [Double], label: Int, _ loss: HybridLoss) -> Double {
        let y = z.map { exp(-$0 * $0) }
        let first: Double
        if let t = loss.tolerance {
            first = -log(y[label] + t) + log(y.reduce(0, +) + t)
        } else {
            first = crossEntropy(z.map { -$0 * $0 }, label: label)
        }
        var others = 0.0
        for i in y.indices where i != label { others += pow(y[i], loss.p) }
        return loss.alpha[0] * first + loss.alpha[1] * pow(1 - y[label], loss.p) + loss.alpha[2] * others
    }

    /// The loss of one sample.
    public static func loss(_ loss: Loss, _ z: [Double], label: Int) -> Double {
        switch loss {
        case .softmaxCrossEntropy: crossEntropy(z, label: label)
        case .hybrid(let loss): hybrid(z, label: label, loss)
        }
    }
}
