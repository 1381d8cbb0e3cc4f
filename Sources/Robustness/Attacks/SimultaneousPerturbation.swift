import Kernels
import Networks

/// SPSA in the Linf ball (Uesato et al. 2018): descends the margin by Adam along gradients that are estimated from the
/// outputs alone, by differences along random signs, two queries each.
///
/// A sample is done with once it is broken; one that is wrong unperturbed is left as it is.
final class SimultaneousPerturbation: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        var steps = 100
        /// Pairs of queries for each estimate.
        var pairs = 128
        /// The length of a difference, and Adam's rate, as fractions of the pixel range.
        var delta = 0.01
        var rate = 0.01
    }

    let settings: [String: String]
    var staysInBall: Bool { how.threat.staysInBall }
    private let target: TargetModel
    private let how: Settings
    private let current, queries, signs, gradient, first, second: Buffer<Float>
    private var group: SampleGroup?

    /// Adam's decay rates and the term that keeps its quotient finite (Kingma & Ba 2015).
    private static let (firstDecay, secondDecay, tiny): (Float, Float, Float) = (0.9, 0.999, 1e-8)

    init(_ target: TargetModel, _ settings: Settings) {
        self.target = target
        how = settings
        let count = TargetModel.groupSize * target.size
        (current, queries, signs) = (Buffer(target.size), Buffer(count), Buffer(count))
        (gradient, first, second) = (Buffer(target.size), Buffer(target.size), Buffer(target.size))
        self.settings = how.threat.settings.merging([
            "steps": "\(how.steps)", "pairs": "\(how.pairs)", "delta": "\(how.delta)", "rate": "\(how.rate)",
            "loss": "margin",
        ]) { $1 }
    }

    static let entry = AttackEntry("spsa", .blackBox, single: SimultaneousPerturbation.make)

    private static func make(_ specification: AttackSpecification, _ target: TargetModel) throws -> any Attack {
        try specification.allow(AttackSpecification.threatParameters + ["steps", "pairs", "delta", "rate"])
        return SimultaneousPerturbation(
            target,
            Settings(
                threat: try specification.threat(),
                steps: try specification.integer("steps", 1...1_000_000, default: 100),
                pairs: try specification.integer("pairs", 1...1_000_000, default: 128),
                delta: try specification.real("delta", 1e-6...1, default: 0.01),
                rate: try specification.real("rate", 0...10, default: 0.01)))
    }

    func warnings(_ strengths: [Double]) -> [String] {
        let reach = Double(how.steps) * how.rate
        guard let widest = strengths.max(), reach < widest - 1e-9 else { return [] }
        return [
            "\(how.steps) steps of \(plainDecimal(how.rate)) together are \(plainDecimal(reach)), less than the radius "
                + "\(plainDecimal(widest)): take more steps or a larger rate"
        ]
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        let left = try target.start(rows, of: group, in: perturbed, how.threat)
        guard strength > 0 else { return }
        // Sample by sample: its own queries fill the rows of a group.
        for row in left {
            if try run(row, group, strength: strength) {
                (perturbed + row * size).update(from: current.pointer, count: size)
            }
        }
    }

    /// True where the sample was broken; its point stands in `current`.
    private func run(_ row: Int, _ group: SampleGroup, strength: Double) throws -> Bool {
        let size = target.size
        let (x, x0) = (current.pointer, group.pixels + row * size)
        x.update(from: x0, count: size)
        first.pointer.update(repeating: 0, count: size)
        second.pointer.update(repeating: 0, count: size)
        var (firstPower, secondPower): (Float, Float) = (1, 1)
        for step in 0..<how.steps {
            try estimate(row, group, step: step)
            firstPower *= Self.firstDecay
            secondPower *= Self.secondDecay
            for i in 0..<size {
                let g = gradient.pointer[i]
                let m = Self.firstDecay * first.pointer[i] + (1 - Self.firstDecay) * g
                let v = Self.secondDecay * second.pointer[i] + (1 - Self.secondDecay) * g * g
                (first.pointer[i], second.pointer[i]) = (m, v)
                let quotient = m / (1 - firstPower) / ((v / (1 - secondPower)).squareRoot() + Self.tiny)
                x[i] += Float(255 * how.rate) * quotient
            }
            how.threat.project(x, about: x0, strength: strength, target.box)
            let z = try target.outputs([0], of: x)
            if how.threat.succeeds(z, label: group.label(row), target.plan) { return true }
        }
        return false
    }

    /// The mean over the pairs of (margin(x + delta v) - margin(x - delta v)) / (2 delta) v, v of random signs.
    private func estimate(_ row: Int, _ group: SampleGroup, step: Int) throws {
        let size = target.size
        let most = TargetModel.groupSize / 2
        let delta = Float(255 * how.delta)
        var random = target.random(sample: group.index(row), use: "spsa", step: step)
        gradient.pointer.update(repeating: 0, count: size)
        for start in stride(from: 0, to: how.pairs, by: most) {
            let pairs = min(most, how.pairs - start)
            for pair in 0..<pairs {
                let v = signs.pointer + pair * size
                random.fillSigns(v, count: size)
                addScaled(queries.pointer + 2 * pair * size, current.pointer, v, scale: delta, count: size)
                addScaled(queries.pointer + (2 * pair + 1) * size, current.pointer, v, scale: -delta, count: size)
            }
            let z = try target.outputs(Array(0..<2 * pairs), of: queries.pointer)
            for pair in 0..<pairs {
                let difference = margin(z, 2 * pair, group.label(row)) - margin(z, 2 * pair + 1, group.label(row))
                addScaled(
                    gradient.pointer, gradient.pointer, signs.pointer + pair * size,
                    scale: Float(difference) / (2 * delta * Float(how.pairs)), count: size)
            }
        }
    }

    private func margin(_ z: UnsafePointer<Float>, _ place: Int, _ label: Int) -> Double {
        let plan = target.plan
        return Objective.margin.value(
            LogitView(
                z + place * plan.outputs, plan.network, outputs: plan.outputs, label: label, success: how.threat.success
            ),
            gradient: nil)
    }
}

extension Philox {
    /// Fills `count` floats with fair draws of -1 and 1.
    mutating func fillSigns(_ values: UnsafeMutablePointer<Float>, count: Int) {
        var i = 0
        while i < count {
            var bits: UInt32 = next()
            for _ in 0..<min(32, count - i) {
                values[i] = bits & 1 == 0 ? -1 : 1
                bits >>= 1
                i += 1
            }
        }
    }
}
