import Foundation
import Kernels
import Networks
import Recipes

/// Projected gradient descent (Madry et al. 2018): from a random point of the ball, `steps` steps up the objective,
/// each projected into the ball and the range of pixels: x <- P(x + a sign g), or x + a g / |g| in L2. The last point
/// counts, and restarts go to the samples that withstood those before. A sample that is wrong unperturbed is left as it
/// is. With the targeted margin all restarts run towards each of the next classes by logit in turn (Gowal et al. 2019).
final class ProjectedGradientDescent: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        var steps = 40
        var restarts = 1
        /// As a share of the strength.
        var stepSize: Double
        var decay = StepDecay.constant
        var objective = PGDObjective.crossEntropy
        /// Of the targeted margin: how many classes.
        var targets = 9
        var startsAtRandom = true
        /// See ``TargetModel/gradients(_:of:into:surrogateSlope:objective:)``.
        var surrogateSlope = 0.0
    }

    /// The function that is maximised.
    enum PGDObjective: String, CaseIterable {
        case crossEntropy = "ce"
        case margin
        case differenceOfLogitsRatio = "dlr"
        case targetedMargin = "margin-targeted"
        /// Cross-entropy in even restarts, margin in odd ones; at least two restarts.
        case union

        func objective(restart: Int) -> Objective {
            switch self {
            case .crossEntropy: .crossEntropy
            case .margin: .margin
            case .differenceOfLogitsRatio: .differenceOfLogitsRatio
            case .targetedMargin: .targetedMargin
            case .union: restart % 2 == 0 ? .crossEntropy : .margin
            }
        }

        /// For the record.
        func record(outputs: Int) -> String {
            self == .union ? rawValue : objective(restart: 0).record(outputs: outputs)
        }
    }

    let settings: [String: String]
    var staysInBall: Bool { how.threat.staysInBall }
    private let name: String
    private let target: TargetModel
    private let how: Settings
    private let images: Buffer<Float>
    private let ascent: ProjectedAscent
    private var group: SampleGroup?

    init(_ target: TargetModel, name: String, _ settings: Settings) {
        self.target = target
        self.name = name
        how = settings
        images = Buffer(TargetModel.groupSize * target.size)
        ascent = ProjectedAscent(target, how.threat, surrogateSlope: how.surrogateSlope)
        var record = how.threat.settings.merging([
            "steps": "\(how.steps)", "restarts": "\(how.restarts)", "step": "\(how.stepSize) of the strength",
            "decay": how.decay.rawValue,
            "loss": how.objective.record(outputs: target.plan.outputs),
            "start": how.startsAtRandom ? "random" : "sample",
            "surrogate-slope": "\(how.surrogateSlope)",
        ]) { $1 }
        if how.objective == .targetedMargin { record["targets"] = "\(how.targets)" }
        self.settings = record
    }

    /// `pgd`, `pgd-l2`. All steps together are 4/3 of the radius in Linf, 1.25 radii in L2, whatever their number: at
    /// 40 and 50 steps Foolbox's 1/30 and 1/40.
    static let entries = [
        AttackEntry("pgd", .gradient, single: { try make(.linf, steps: 40, reach: 4.0 / 3, $0, $1) }),
        AttackEntry("pgd-l2", .gradient, unit: .l2, single: { try make(.l2, steps: 50, reach: 1.25, $0, $1) }),
    ]

    private static func make(
        _ norm: ThreatModel.Norm, steps: Int, reach: Double, _ specification: AttackSpecification, _ target: TargetModel
    ) throws -> any Attack {
        let objective = try specification.choice("loss", PGDObjective.self)
        try specification.allow(
            AttackSpecification.threatParameters + [
                "steps", "restarts", "step", "decay", "loss", "start", "surrogate-slope",
            ] + (objective == .targetedMargin ? ["targets"] : []))
        let steps = try specification.integer("steps", 1...1_000_000, default: steps)
        return ProjectedGradientDescent(
            target, name: specification.name,
            Settings(
                threat: try specification.threat(norm), steps: steps,
                restarts: try specification.integer("restarts", 1...10_000, default: objective == .union ? 2 : 1),
                stepSize: try specification.real("step", 0...100, default: reach / Double(steps)),
                decay: try specification.choice("decay", StepDecay.self), objective: objective,
                targets: try specification.integer("targets", 1...32_767, default: 9),
                startsAtRandom: try specification.choice("start", StartingPoint.self) == .random,
                surrogateSlope: try specification.real("surrogate-slope", 0...1, default: 0)))
    }

    func warnings(_ strengths: [Double]) -> [String] {
        let reach = (0..<how.steps).reduce(0.0) { $0 + how.stepSize * how.decay.share($1, of: how.steps) }
        // Rounding: forty steps of a fortieth.
        if reach < 1 - 1e-9 {
            return [
                "all \(how.steps) steps together are \(plainDecimal((100 * reach).rounded() / 100)) of the radius: "
                    + "points far inside the ball are all that it finds; leave step out, or take more steps"
            ]
        }
        return how.stepSize > 2
            ? ["a step of \(plainDecimal(how.stepSize)) radii leaps across the whole ball; leave step out"] : []
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        var left = try target.start(rows, of: group, in: perturbed, how.threat)
        let isTargeted = how.objective == .targetedMargin
        let targets = isTargeted ? try target.targets(left, group, how.threat, count: how.targets) : []
        for round in 0..<(isTargeted ? targets.map(\.count).max() ?? 0 : 1) {
            for restart in 0..<how.restarts where !left.isEmpty {
                let aims = left.filter { !isTargeted || targets[$0].count > round }
                for row in aims { start(row, group, restart: round * how.restarts + restart, strength: strength) }
                let objective = how.objective.objective(restart: restart)
                let (network, outputs, success) = (target.plan.network, target.plan.outputs, how.threat.success)
                try ascent.climb(
                    aims, images.pointer, about: group.pixels, strength: strength, steps: how.steps,
                    length: { 255 * (strength * how.stepSize * how.decay.share($0, of: how.steps)) }
                ) { _, row, z, zGradient in
                    let logits = LogitView(z, network, outputs: outputs, label: group.label(row), success: success)
                    _ = objective.value(logits, target: isTargeted ? targets[row][round] : 0, gradient: zGradient)
                }
                for row in aims { (perturbed + row * size).update(from: images.pointer + row * size, count: size) }
                left = try target.withstanding(left, of: perturbed, group, how.threat)
            }
        }
    }

    private func start(_ row: Int, _ group: SampleGroup, restart: Int, strength: Double) {
        let (x, x0) = (images.pointer + row * target.size, group.pixels + row * target.size)
        x.update(from: x0, count: target.size)
        guard how.startsAtRandom else { return }
        var random = target.random(sample: group.index(row), use: name, restart: restart)
        random.fillBall(x, norm: how.threat.norm, radius: 255 * strength, count: target.size)
        addScaled(x, x0, x, scale: 1, count: target.size)
        how.threat.project(x, about: x0, strength: strength, target.box)
    }
}

/// Where an iterated attack begins.
enum StartingPoint: String, CaseIterable {
    /// A point drawn uniformly from the ball.
    case random
    /// The sample itself.
    case sample
}

extension Philox {
    /// Fills `count` floats with a point drawn uniformly from the ball of a radius about 0.
    mutating func fillBall(
        _ point: UnsafeMutablePointer<Float>, norm: ThreatModel.Norm, radius: Double, count: Int
    ) {
        switch norm {
        case .linf:
            let radius = Float(radius)
            for i in 0..<count { point[i] = radius * (2 * uniform() - 1) }
        case .l2:
            // A direction of Gaussian elements; a length whose power `count` is uniform.
            fillGaussian(point, count: count)
            let length = sumOfSquares(point, count: count).squareRoot()
            let scale = length > 0 ? radius * pow(Double(uniform()), 1 / Double(count)) / length : 0
            for i in 0..<count { point[i] *= Float(scale) }
        }
    }
}

extension TargetModel {
    /// Begins an attack at the samples themselves: copies them to `perturbed`, and returns the rows that are judged
    /// right, the only ones that have to be perturbed.
    func start(
        _ rows: [Int], of group: SampleGroup, in perturbed: UnsafeMutablePointer<Float>, _ threat: ThreatModel
    ) throws -> [Int] {
        for row in rows { (perturbed + row * size).update(from: group.pixels + row * size, count: size) }
        return try withstanding(rows, of: perturbed, group, threat)
    }

    /// The rows on which an attack has not succeeded with `images`.
    func withstanding(
        _ rows: [Int], of images: UnsafePointer<Float>, _ group: SampleGroup, _ threat: ThreatModel
    ) throws -> [Int] {
        let z = try outputs(rows, of: images)
        return rows.enumerated().filter { place, row in
            !threat.succeeds(z + place * plan.outputs, label: group.label(row), plan)
        }.map(\.element)
    }
}
