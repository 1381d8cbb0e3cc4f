import Foundation
import Kernels
import Networks

/// The function that an attack maximises: one of a sample's logits s, which are z for plain networks and -z^2 for
/// robust ones (their softmax is y / sum y, and nothing underflows).
///
/// The sample's own side is its label, and the nonsense outputs too where only an accepted wrong class counts as
/// success (``SuccessCriterion/accepted``); the other side is all other outputs.
public enum Objective: String, CaseIterable, Sendable {
    /// Cross-entropy: ln sum exp(s) over all outputs, less that over the own side.
    case crossEntropy = "ce"
    /// The largest logit of the other side less the largest of the own side.
    case margin
    /// The difference of logits ratio (Croce & Hein 2020, equation 6): the margin over s_p1 - s_p3 + 1e-12, p
    /// descending.
    case differenceOfLogitsRatio = "dlr"
    /// Towards a target t (equation 7): s_t less the largest logit of the own side, over s_p1 - (s_p3 + s_p4) / 2 +
    /// 1e-12.
    case targetedDifferenceOfLogitsRatio = "dlr-targeted"
    /// The logit of a target less the largest of the own side.
    case targetedMargin = "margin-targeted"

    /// True where it leads towards a target.
    var isTargeted: Bool { self == .targetedDifferenceOfLogitsRatio || self == .targetedMargin }

    /// The objective in its place where it is not defined: a ratio takes as many logits as it names, three, or four
    /// towards a target. Below that it would be constant, or count a logit twice; then its numerator, the margin.
    func defined(outputs: Int) -> Objective {
        switch self {
        case .differenceOfLogitsRatio where outputs < 3: .margin
        case .targetedDifferenceOfLogitsRatio where outputs < 4: .targetedMargin
        default: self
        }
    }

    /// For the record: the name, and that of the objective in its place where there is one.
    func record(outputs: Int) -> String {
        let used = defined(outputs: outputs)
        return used == self ? rawValue : "\(used.rawValue) (\(rawValue) is not defined on \(outputs) outputs)"
    }
}

/// When an attack on an image has succeeded.
public enum SuccessCriterion: String, CaseIterable, Sendable {
    /// The winning output is not the label; nonsense counts.
    case error
    /// A wrong class wins and is accepted.
    case accepted
}

/// The logits of one sample, and which of them are on its side.
struct LogitView {
    let z: UnsafePointer<Float>
    let loss: Loss
    let outputs: Int
    let label: Int
    /// From here on outputs are nonsense that counts as the sample's own side.
    let ownFrom: Int

    init(_ z: UnsafePointer<Float>, _ network: Network, outputs: Int, label: Int, success: SuccessCriterion) {
        self.z = z
        self.outputs = outputs
        self.label = label
        loss = network.loss
        ownFrom = success == .accepted ? network.classes : outputs
    }

    @inline(__always) subscript(_ i: Int) -> Float { loss.score(z[i]) }
    @inline(__always) func isOwn(_ i: Int) -> Bool { i == label || i >= ownFrom }

    /// The output of the largest logit on one side, the first in case of a tie; nil where that side is empty.
    func largest(own: Bool) -> Int? {
        var best: Int?
        for i in 0..<outputs where isOwn(i) == own {
            if let current = best, self[i] <= self[current] { continue }
            best = i
        }
        return best
    }

    /// The outputs of the four largest logits, descending; the last one repeats where there are fewer, which no
    /// objective that is defined looks at.
    func descending() -> SIMD4<Int> {
        var order = SIMD4<Int>(repeating: -1)
        for rank in 0..<4 {
            for i in 0..<outputs where i != order[0] && i != order[1] && i != order[2] {
                if order[rank] < 0 || self[i] > self[order[rank]] { order[rank] = i }
            }
            if order[rank] < 0 { order[rank] = rank > 0 ? order[rank - 1] : 0 }
        }
        return order
    }

    /// From the gradient with respect to the logits to that with respect to z, in place: ds/dz = 1, or -2 z.
    func chain(_ gradient: UnsafeMutablePointer<Float>) {
        for i in 0..<outputs { gradient[i] *= loss.scoreSlope(z[i]) }
    }
}

extension Objective {
    /// The value for one sample.
    ///
    /// - Parameters:
    ///   - z: the sample's outputs, [outputs].
    ///   - network: says by its loss what logits are, and by its classes which outputs are nonsense.
    ///   - outputs: how many there are, nonsense included.
    ///   - label: the sample's class.
    ///   - target: the output to reach, for the targeted objective.
    ///   - success: decides which outputs are on the sample's side.
    ///   - gradient: the gradient with respect to z, [outputs], is written here; nil where it is not wanted.
    public func value(
        _ z: UnsafePointer<Float>, _ network: Network, outputs: Int, label: Int, target: Int = 0,
        success: SuccessCriterion = .error, gradient: UnsafeMutablePointer<Float>?
    ) -> Double {
        value(
            LogitView(z, network, outputs: outputs, label: label, success: success), target: target, gradient: gradient)
    }

    /// The value for one sample; with `gradient` [outputs] also its gradient with respect to z. Bits depend on the
    /// sample alone.
    ///
    /// - Parameter target: the class to reach, for the targeted objective.
    func value(_ s: LogitView, target: Int = 0, gradient: UnsafeMutablePointer<Float>?) -> Double {
        // Where a side is empty there is nothing to gain.
        guard let own = s.largest(own: true), let other = s.largest(own: false) else {
            gradient?.update(repeating: 0, count: s.outputs)
            return 0
        }
        switch defined(outputs: s.outputs) {
        case .crossEntropy: return crossEntropy(s, gradient)
        case .margin:
            write(gradient, s, SIMD2(other, own), SIMD2(1, -1))
            return Double(s[other]) - Double(s[own])
        case .differenceOfLogitsRatio:
            let p = s.descending()
            guard own == p[0], other == p[2] else { return ratio(s, other, own, p, SIMD4(1, 0, -1, 0), gradient) }
            // Two outputs of the own side stand before all others: over s_p1 - s_p3 the ratio would be -1 everywhere.
            guard s.outputs > 3 else { return Objective.margin.value(s, gradient: gradient) }
            return ratio(s, other, own, p, SIMD4(1, 0, 0, -1), gradient)
        case .targetedDifferenceOfLogitsRatio:
            let p = s.descending()
            return ratio(s, target, own, p, SIMD4(1, 0, -0.5, -0.5), gradient)
        case .targetedMargin:
            write(gradient, s, SIMD2(target, own), SIMD2(1, -1))
            return Double(s[target]) - Double(s[own])
        }
    }

    private func crossEntropy(_ s: LogitView, _ gradient: UnsafeMutablePointer<Float>?) -> Double {
        var top = s[0]
        var ownTop = -Float.infinity
        for i in 0..<s.outputs {
            top = max(top, s[i])
            if s.isOwn(i) { ownTop = max(ownTop, s[i]) }
        }
        var (sum, ownSum): (Float, Float) = (0, 0)
        for i in 0..<s.outputs {
            sum += exp(s[i] - top)
            if s.isOwn(i) { ownSum += exp(s[i] - ownTop) }
        }
        if let gradient {
            for i in 0..<s.outputs {
                gradient[i] = exp(s[i] - top) / sum - (s.isOwn(i) ? exp(s[i] - ownTop) / ownSum : 0)
            }
            s.chain(gradient)
        }
        return Double(top - ownTop) + Double(log(sum)) - Double(log(ownSum))
    }

    /// (s_a - s_b) / (the sum of the logits of `p`, weighted, + 1e-12).
    private func ratio(
        _ s: LogitView, _ a: Int, _ b: Int, _ p: SIMD4<Int>, _ weights: SIMD4<Float>,
        _ gradient: UnsafeMutablePointer<Float>?
    ) -> Double {
        let numerator = Double(s[a]) - Double(s[b])
        var denominator = 1e-12
        for rank in 0..<4 { denominator += Double(weights[rank]) * Double(s[p[rank]]) }
        guard let gradient else { return numerator / denominator }
        let inverse = Float(1 / denominator)
        let slope = Float(-numerator / (denominator * denominator))
        gradient.update(repeating: 0, count: s.outputs)
        gradient[a] += inverse
        gradient[b] -= inverse
        for rank in 0..<4 { gradient[p[rank]] += slope * weights[rank] }
        s.chain(gradient)
        return numerator / denominator
    }

    private func write(
        _ gradient: UnsafeMutablePointer<Float>?, _ s: LogitView, _ outputs: SIMD2<Int>, _ values: SIMD2<Float>
    ) {
        guard let gradient else { return }
        gradient.update(repeating: 0, count: s.outputs)
        gradient[outputs[0]] += values[0]
        gradient[outputs[1]] += values[1]
        s.chain(gradient)
    }
}
