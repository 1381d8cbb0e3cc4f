import Essentials
import Foundation

/// A sign that attacks by gradients may overstate a network's robustness.
public enum MaskingFlag: String, CaseIterable, Sendable {
    /// The share of samples whose input gradient is zero or not finite.
    case zeroGradients = "zero gradients"
    /// The share of hidden units that are 0 on all samples.
    case deadUnits = "dead units"
    /// The share of samples broken without gradients and by no attack with gradients.
    case blackBoxBeatsWhiteBox = "black box beats white box"
    /// The share of samples broken by one clipped step and not by many of the same radius.
    case oneStepBeatsMany = "one step beats many"
    /// The error under iterated attacks less that under one step (FGS-lmax or FGSM, whichever breaks more).
    case oneStepOverstates = "one step overstates"
    /// The largest fall of the error as the radius grows.
    case notMonotone = "not monotone"
    /// The accuracy left at a radius of the whole pixel range.
    case unboundedFails = "unbounded attack fails"
    /// The error that twice the steps add.
    case notConverged = "not converged"
    /// The relative rise of the loss over the last 10 of 40 steps.
    case lossStillMoves = "loss still moves"
    /// The relative change of the loss over random draws from a ball of a tenth of the radius.
    case roughLoss = "rough loss"
    /// 1 less the cosine of the gradients at a sample and at such a draw.
    case turningGradients = "turning gradients"
    /// The difference of FGS-lmax's error between gradients in batch mode and in evaluation mode.
    case modeMismatch = "mode mismatch"
    /// The share of samples on which the same attack, run twice, differs.
    case notRepeatable = "not repeatable"

    /// The figure above which the flag is raised. Shares of samples that should be none get 2 %, the noise of some
    /// hundred samples; one step may fall behind many by half before it misleads (on undefended networks the gap stays
    /// below).
    public var threshold: Double {
        switch self {
        case .zeroGradients: 0.05
        case .deadUnits: 0.5
        case .blackBoxBeatsWhiteBox, .oneStepBeatsMany, .notMonotone: 0.02
        case .oneStepOverstates: 0.5
        // More than guessing; the figure is the accuracy less 1 / classes.
        case .unboundedFails: 0
        case .notConverged, .lossStillMoves: 0.1
        case .roughLoss: 1
        case .turningGradients: 0.8
        case .modeMismatch: 0.2
        case .notRepeatable: 0
        }
    }

    /// True where it alone makes the verdict; the others advise. A sound network may be rough, have dead units, need
    /// more steps or differ between batch norm's modes.
    public var isDecisive: Bool {
        switch self {
        case .deadUnits, .notConverged, .lossStillMoves, .roughLoss, .turningGradients, .modeMismatch: false
        default: true
        }
    }

    /// The meaning of the figure, for the verdict.
    func sentence(_ figure: Double) -> String {
        let number = fixed(figure, 2)
        return switch self {
        case .zeroGradients: "\(number) of the samples have no gradient"
        case .deadUnits: "\(number) of the hidden units never move"
        case .blackBoxBeatsWhiteBox: "\(number) of the samples are broken without gradients and by no gradient attack"
        case .oneStepBeatsMany: "\(number) of the samples are broken by one step and not by many"
        case .oneStepOverstates: "one-step overstates robustness by \(number)"
        case .notMonotone: "the error falls by \(number) as the radius grows"
        case .unboundedFails: "an unbounded attack leaves an accuracy of \(number) above chance"
        case .notConverged: "twice the steps add \(number) of error"
        case .lossStillMoves: "the loss still rises by \(number) over the last steps"
        case .roughLoss: "the loss changes by \(number) of itself within a tenth of the radius"
        case .turningGradients: "gradients turn: 1 - cosine \(number) within a tenth of the radius"
        case .modeMismatch: "batch norm's mode moves the one-step error by \(number)"
        case .notRepeatable: "\(number) of the samples differ between two runs of the same attack"
        }
    }
}

/// The masking verdict on one network at one radius: each flag's figure, and what they amount to.
public struct Diagnosis: Sendable {
    /// The radius, a fraction of the pixel range.
    public let strength: Double
    /// The number of samples.
    public let samples: Int
    /// The samples that are right unattacked: the others say nothing about attacks.
    public let right: Int
    /// The figures of the flags that were computed.
    public let figures: [MaskingFlag: Double]

    /// Makes a diagnosis from figures.
    public init(strength: Double, samples: Int, right: Int, figures: [MaskingFlag: Double]) {
        self.strength = strength
        self.samples = samples
        self.right = right
        self.figures = figures
    }

    /// True where a flag is raised.
    public func isRaised(_ flag: MaskingFlag) -> Bool { figures[flag].map { !($0 <= flag.threshold) } ?? false }

    /// Samples that are right unattacked: with fewer there is no verdict, and with fewer than ``firm`` one with a
    /// caution.
    public static let (fewest, firm) = (20, 100)

    /// True where there are samples enough for a verdict.
    public var hasVerdict: Bool { right >= Self.fewest }

    /// True where gradients are masked: a decisive flag is raised.
    public var isMasked: Bool { hasVerdict && MaskingFlag.allCases.contains { $0.isDecisive && isRaised($0) } }

    /// One line, `verdict: gradients masked: ...` with the most telling flag, `verdict: gradients not masked (...)`, or
    /// `verdict: none (...)` where there is too little to judge by.
    public var verdict: String {
        guard hasVerdict else {
            let words = right == 1 ? "1 sample was" : "\(right) samples were"
            return "verdict: none (\(words) right unattacked, at least \(Self.fewest) are needed)"
        }
        let caution = right < Self.firm ? ", on \(right) samples only" : ""
        let radius = "eps \(plainDecimal(strength))\(caution)"
        let raised = MaskingFlag.allCases.filter { $0.isDecisive && isRaised($0) }
        // The most telling one: the figure furthest above its threshold.
        let worst = raised.max { excess($0) < excess($1) }
        guard let worst, let figure = figures[worst] else {
            return "verdict: gradients not masked (\(figures.count) flags checked at \(radius))"
        }
        return "verdict: gradients masked: \(worst.sentence(figure)) at \(radius)"
    }

    private func excess(_ flag: MaskingFlag) -> Double {
        let excess = (figures[flag] ?? 0) - flag.threshold
        return excess.isNaN ? .infinity : excess
    }

    /// The file in an evaluation directory.
    public static let file = "diagnosis.csv"
    /// The file's first line.
    public static let header = "checkpoint,eps,flag,figure,threshold,raised,meaning"

    /// The flag of the line of `diagnosis.csv` that counts the samples that are right unattacked.
    public static let rightUnattacked = "right unattacked"

    /// The lines of `diagnosis.csv`: the samples that are right unattacked, then a flag each.
    public func lines(_ checkpoint: String) -> [String] {
        let count =
            CSVText.fields(of: [checkpoint])
            + ",\(plainDecimal(strength)),\(Self.rightUnattacked),\(right),\(Self.fewest),"
            + "\(hasVerdict ? "no" : "yes"),"
            + CSVText.fields(of: ["\(right) of \(samples) samples are right unattacked; a verdict takes \(Self.fewest)"]
            )
        return [count]
            + MaskingFlag.allCases.compactMap { flag in
                figures[flag].map { figure in
                    CSVText.fields(of: [checkpoint]) + ",\(plainDecimal(strength)),\(flag.rawValue),"
                        + fixed(figure, 6)
                        + ",\(plainDecimal(flag.threshold)),\(isRaised(flag) ? "yes" : "no"),"
                        + CSVText.fields(of: [flag.sentence(figure)])
                }
            }
    }

    /// The table for people, without the verdict.
    public var table: String {
        let rows = MaskingFlag.allCases.compactMap { flag -> String? in
            guard let figure = figures[flag] else { return nil }
            let mark = isRaised(flag) ? (flag.isDecisive ? "RAISED" : "advice") : "ok"
            return flag.rawValue.padding(toLength: 27, withPad: " ", startingAt: 0)
                + String(format: "%9.3f %9.2f  ", figure, flag.threshold)
                + mark.padding(toLength: 8, withPad: " ", startingAt: 0) + flag.sentence(figure)
        }
        return (["flag                          figure threshold"] + rows).joined(separator: "\n")
    }
}
