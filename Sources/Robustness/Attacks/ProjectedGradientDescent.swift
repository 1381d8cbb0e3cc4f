import Foundation
import Kernels
import Networks
import Recipes

/// Projected gradient descent (Madry et al. 2018): from a random point of the ball, `steps` steps up the objective, each
/// projected into the ball and the range of pixels: x <- P(x + a sign g), or x + a g / |g| in L2. The last point counts, and
/// restarts go to the samples that withstood those before. A sample that is wrong unperturbed is left as it is.
final class ProjectedGradientDescent: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        var steps = 40
        var restarts = 1
        /// As a share of the strength.
        var stepSize = 1.0 / 30
        var decay = StepDecay.constant
        var objective = PGDObjective.crossEntropy
        var startsAtRandom = true
        /// See ``Victim/gradients(_:of:into:surrogateSlope:objective:)``.
        var surrogateSlope = 0.0
    }

    /// What is maximised.
    enum PGDObjective: String, CaseIterable {
        case crossEntropy = "ce"
        case margin
        case differenceOfLogitsRatio = "dlr"
        /// Cross-entropy in even restarts, margin in odd ones; at least two restarts.
        case union

        func objective(restart: Int) -> Objective {
            switch self {
            case .crossEntropy: .crossEntropy
            case .margin: .margin
            case .differenceOfLogitsRatio: .differenceOfLogitsRatio
            case .union: restart % 2 == 0 ? .crossEntropy : .margin
            }
        }
    }

    let settings: [String: String]
    private let name: String
    private let victim: Victim
    private let how: Settings
    private let images: Buffer<Float>
    private let gradient: Buffer<Float>
    private var group: SampleGroup?

    init(_ victim: Victim, name: String, _ settings: Settings) {
        self.victim = victim
        self.name = name
        how = settings
        images = Buffer(Victim.groupSize * victim.size)
        gradient = Buffer(Victim.groupSize * victim.size)
        self.settings = how.threat.settings.merging([
            "steps": "\(how.steps)", "restarts": "\(how.restarts)", "step": "\(how.stepSize) of the strength",
            "decay": how.decay.rawValue,
            "loss": how.objective.rawValue, "start": how.startsAtRandom ? "random" : "sample",
            "surrogate-slope": "\(how.surrogateSlope)",
        ]) { $1 }
    }

    /// `pgd`, `pgd-l2` with their parameters.
    static func make(_ specification: AttackSpecification, _ victim: Victim) throws -> any Attack {
        try specification.allow(
            AttackSpecification.threatParameters + [
                "steps", "restarts", "step", "decay", "loss", "start", "surrogate-slope",
            ])
        let isL2 = specification.name == "pgd-l2"
        let objective = try specification.choice("loss", PGDObjective.self)
        return ProjectedGradientDescent(
            victim, name: specification.name,
            Settings(
                threat: try specification.threat(isL2 ? .l2 : .linf),
                steps: try specification.integer("steps", 1...1_000_000, default: isL2 ? 50 : 40),
                restarts: try specification.integer("restarts", 1...10_000, default: objective == .union ? 2 : 1),
                stepSize: try specification.real("step", 0...100, default: isL2 ? 0.025 : 1.0 / 30),
                decay: try specification.choice("decay", StepDecay.self), objective: objective,
                startsAtRandom: try specification.choice("start", StartingPoint.self) == .random,
                surrogateSlope: try specification.real("surrogate-slope", 0...1, default: 0)))
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = victim.size
        for row in rows { (perturbed + row * size).update(from: group.pixels + row * size, count: size) }
        var left = try withstanding(rows, of: perturbed, group)
        for restart in 0..<how.restarts where !left.isEmpty {
            for row in left { start(row, group, restart: restart, strength: strength) }
            let objective = how.objective.objective(restart: restart)
            for number in 0..<how.steps {
                let length = strength * how.stepSize * how.decay.share(number, of: how.steps)
                try step(left, group, objective, strength: strength, length: 255 * length)
            }
            for row in left { (perturbed + row * size).update(from: images.pointer + row * size, count: size) }
            left = try withstanding(left, of: perturbed, group)
        }
    }

    private func withstanding(
        _ rows: [Int], of images: UnsafePointer<Float>, _ group: SampleGroup
    ) throws -> [Int] {
        try victim.withstanding(rows, of: images, group, how.threat)
    }

    private func start(_ row: Int, _ group: SampleGroup, restart: Int, strength: Double) {
        let (x, x0) = (images.pointer + row * victim.size, group.pixels + row * victim.size)
        x.update(from: x0, count: victim.size)
        guard how.startsAtRandom else { return }
        var random = victim.random(sample: group.index(row), use: name, restart: restart)
        random.fillBall(x, norm: how.threat.norm, radius: 255 * strength, count: victim.size)
        addScaled(x, x0, x, scale: 1, count: victim.size)
        how.threat.project(x, about: x0, strength: strength, victim.box)
    }

    private func step(
        _ rows: [Int], _ group: SampleGroup, _ objective: Objective, strength: Double, length: Double
    ) throws {
        let (network, outputs, success) = (victim.plan.network, victim.plan.outputs, how.threat.success)
        try victim.gradients(
            rows, of: images.pointer, into: gradient.pointer, surrogateSlope: Float(how.surrogateSlope)
        ) { row, z, zGradient in
            let logits = LogitView(z, network, outputs: outputs, label: group.label(row), success: success)
            _ = objective.value(logits, gradient: zGradient)
        }
        for row in rows {
            let (x, g) = (images.pointer + row * victim.size, gradient.pointer + row * victim.size)
            switch how.threat.norm {
            case .linf: addSign(x, x, g, scale: Float(length), count: victim.size)
            case .l2:
                let norm = sumOfSquares(g, count: victim.size).squareRoot()
                if norm > 0 { addScaled(x, x, g, scale: Float(length / norm), count: victim.size) }
            }
            how.threat.project(x, about: group.pixels + row * victim.size, strength: strength, victim.box)
        }
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

extension Victim {
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
