import Kernels
import Networks

/// Auto-PGD in the Linf ball (Croce & Hein 2020, algorithm 1): gradient steps with momentum whose size, first twice the
/// radius, is halved sample by sample where progress stalls, going on from the best point so far.
///
/// `apgd-ce` maximises the cross-entropy, `apgd-dlr` the difference of logits ratio, `apgd-t` the targeted ratio
/// towards each of the next classes by logit in turn. A sample is done with once any iterate succeeds; one that is
/// wrong unperturbed is left as it is.
final class AutoProjectedGradientDescent: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        var objective = Objective.crossEntropy
        /// N, the iterations of a restart.
        var steps = 100
        var restarts = 1
        /// Of the targeted objective: how many classes.
        var targets = 9
        /// The share of steps that have to raise the loss between two checkpoints.
        var rho = 0.75
    }

    let settings: [String: String]
    var staysInBall: Bool { how.threat.staysInBall }
    private let name: String
    private let target: TargetModel
    private let how: Settings
    private let state: APGDState
    private var group: SampleGroup?

    init(_ target: TargetModel, name: String, _ settings: Settings) {
        self.target = target
        self.name = name
        how = settings
        state = APGDState(size: target.size)
        var record = how.threat.settings
        record["steps"] = "\(how.steps)"
        record["restarts"] = "\(how.restarts)"
        record["rho"] = "\(how.rho)"
        record["loss"] = how.objective.record(outputs: target.plan.outputs)
        if how.objective.isTargeted { record["targets"] = "\(how.targets)" }
        self.settings = record
    }

    /// `apgd-ce`, `apgd-dlr`, `apgd-t`.
    static let entries = [
        ("apgd-ce", Objective.crossEntropy), ("apgd-dlr", .differenceOfLogitsRatio),
        ("apgd-t", .targetedDifferenceOfLogitsRatio),
    ].map { name, objective in
        AttackEntry(name, .gradient, single: { try make(objective, $0, $1) })
    }

    private static func make(
        _ objective: Objective, _ specification: AttackSpecification, _ target: TargetModel
    ) throws -> any Attack {
        var settings = Settings(objective: objective)
        let parameters =
            AttackSpecification.threatParameters + ["steps", "restarts", "rho"]
            + (objective.isTargeted ? ["targets"] : [])
        try specification.allow(parameters)
        settings.threat = try specification.threat()
        settings.steps = try specification.integer("steps", 1...1_000_000, default: settings.steps)
        settings.restarts = try specification.integer("restarts", 1...10_000, default: settings.restarts)
        settings.rho = try specification.real("rho", 0...1, default: settings.rho)
        settings.targets = try specification.integer("targets", 1...32_767, default: settings.targets)
        return AutoProjectedGradientDescent(target, name: specification.name, settings)
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        var left = try target.start(rows, of: group, in: perturbed, how.threat)
        guard strength > 0 else { return }
        let isTargeted = how.objective.isTargeted
        let targets = isTargeted ? try target.targets(left, group, how.threat, count: how.targets) : []
        let rounds = isTargeted ? targets.map(\.count).max() ?? 0 : 1
        for round in 0..<rounds {
            for restart in 0..<how.restarts where !left.isEmpty {
                let aims = left.filter { !isTargeted || targets[$0].count > round }
                for row in aims { state.target[row] = isTargeted ? targets[row][round] : 0 }
                let broken = try run(aims, group, restart: round * how.restarts + restart, strength: strength)
                for row in broken {
                    (perturbed + row * size).update(from: state.current.pointer + row * size, count: size)
                }
                left.removeAll { broken.contains($0) }
            }
        }
    }

    /// One run of algorithm 1 on some rows; returns those on which it succeeded, whose points stand in `state.current`.
    private func run(_ rows: [Int], _ group: SampleGroup, restart: Int, strength: Double) throws -> [Int] {
        var broken: [Int] = []
        var left = rows
        for row in rows {
            var random = target.random(sample: group.index(row), use: name, restart: restart)
            start(row, group, &random, strength: strength)
        }
        try look(&left, group, &broken)
        for row in left { state.begin(row, step: Float(2 * 255 * strength)) }
        var schedule = APGDSchedule(steps: how.steps)
        for iteration in 0..<how.steps where !left.isEmpty {
            for row in left { move(row, group, isFirst: iteration == 0, strength: strength) }
            try look(&left, group, &broken)
            let interval = schedule.advance()
            for row in left {
                state.note(row)
                if let interval { state.check(row, interval: interval, rho: how.rho) }
            }
        }
        return broken
    }

    /// x + radius t / max |t| with t uniform, projected.
    private func start(_ row: Int, _ group: SampleGroup, _ random: inout Philox, strength: Double) {
        let (x, x0) = (state.current.pointer + row * target.size, group.pixels + row * target.size)
        var largest: Float = 0
        for i in 0..<target.size {
            x[i] = 2 * random.uniform() - 1
            largest = max(largest, abs(x[i]))
        }
        addScaled(x, x0, x, scale: largest > 0 ? Float(255 * strength) / largest : 0, count: target.size)
        how.threat.project(x, about: x0, strength: strength, target.box)
    }

    /// Loss and gradient at the current points; rows on which the attack has succeeded go from `left` to `broken`.
    private func look(_ left: inout [Int], _ group: SampleGroup, _ broken: inout [Int]) throws {
        let (plan, threat, objective) = (target.plan, how.threat, how.objective)
        try target.gradients(left, of: state.current.pointer, into: state.gradient.pointer) { row, z, zGradient in
            let label = group.label(row)
            state.succeeded[row] = threat.succeeds(z, label: label, plan)
            let logits = LogitView(z, plan.network, outputs: plan.outputs, label: label, success: threat.success)
            state.loss[row] = objective.value(logits, target: state.target[row], gradient: zGradient)
        }
        broken += left.filter { state.succeeded[$0] }
        left.removeAll { state.succeeded[$0] }
    }

    /// z = P(x + step sign g), then x = P(x + 0.75 (z - x) + 0.25 (x - x before)); the first step goes all the way to
    /// z.
    private func move(_ row: Int, _ group: SampleGroup, isFirst: Bool, strength: Double) {
        let place = row * target.size
        let (x, before) = (state.current.pointer + place, state.previous.pointer + place)
        let (z, x0) = (state.scratch.pointer, group.pixels + place)
        addSign(z, x, state.gradient.pointer + place, scale: state.step[row], count: target.size)
        how.threat.project(z, about: x0, strength: strength, target.box)
        let share: Float = isFirst ? 1 : 0.75
        for i in 0..<target.size {
            let here = x[i]
            x[i] = here + share * (z[i] - here) + (1 - share) * (here - before[i])
            before[i] = here
        }
        how.threat.project(x, about: x0, strength: strength, target.box)
    }
}

/// When steps are checked: after 0.22 N, then at intervals 0.03 N shorter each time, of at least 0.06 N (section 3).
package struct APGDSchedule {
    private var interval: Int
    private let decrease: Int
    private let least: Int
    private var since = 0

    package init(steps: Int) {
        interval = max(1, steps * 22 / 100)
        least = max(1, steps * 6 / 100)
        decrease = max(1, steps * 3 / 100)
    }

    /// Counts a step; the steps since the last check where it is time for another.
    package mutating func advance() -> Int? {
        since += 1
        guard since == interval else { return nil }
        since = 0
        defer { interval = max(least, interval - decrease) }
        return interval
    }
}

/// The state of Auto-PGD, by row of a group.
private final class APGDState {
    let size: Int
    let current, previous, best, gradient, bestGradient, scratch: Buffer<Float>
    var loss = [Double](repeating: 0, count: TargetModel.groupSize)
    var step = [Float](repeating: 0, count: TargetModel.groupSize)
    var target = [Int](repeating: 0, count: TargetModel.groupSize)
    var succeeded = [Bool](repeating: false, count: TargetModel.groupSize)
    private var bestLoss = [Double](repeating: 0, count: TargetModel.groupSize)
    private var lossBefore = [Double](repeating: 0, count: TargetModel.groupSize)
    private var bestLossAtCheck = [Double](repeating: 0, count: TargetModel.groupSize)
    private var rises = [Int](repeating: 0, count: TargetModel.groupSize)
    private var wasHalved = [Bool](repeating: true, count: TargetModel.groupSize)

    init(size: Int) {
        self.size = size
        let count = TargetModel.groupSize * size
        (current, previous, best) = (Buffer(count), Buffer(count), Buffer(count))
        (gradient, bestGradient, scratch) = (Buffer(count), Buffer(count), Buffer(size))
    }

    /// Takes the row's current point for its first.
    func begin(_ row: Int, step: Float) {
        self.step[row] = step
        keepBest(row)
        copy(previous, current, row)
        lossBefore[row] = loss[row]
        bestLossAtCheck[row] = loss[row]
        rises[row] = 0
        wasHalved[row] = true
    }

    /// Notes the loss at the point that the row has come to.
    func note(_ row: Int) {
        if loss[row] > lossBefore[row] { rises[row] += 1 }
        lossBefore[row] = loss[row]
        if loss[row] > bestLoss[row] { keepBest(row) }
    }

    /// Halves the step and goes back to the best point where too few steps have raised the loss, or the step was not
    /// halved at the last check and the best loss has not moved since.
    func check(_ row: Int, interval: Int, rho: Double) {
        let oscillates = Double(rises[row]) <= rho * Double(interval)
        let stands = !wasHalved[row] && bestLossAtCheck[row] >= bestLoss[row]
        wasHalved[row] = oscillates || stands
        bestLossAtCheck[row] = bestLoss[row]
        rises[row] = 0
        guard wasHalved[row] else { return }
        step[row] /= 2
        copy(current, best, row)
        copy(gradient, bestGradient, row)
        lossBefore[row] = bestLoss[row]
    }

    private func keepBest(_ row: Int) {
        bestLoss[row] = loss[row]
        copy(best, current, row)
        copy(bestGradient, gradient, row)
    }

    private func copy(_ target: Buffer<Float>, _ source: Buffer<Float>, _ row: Int) {
        (target.pointer + row * size).update(from: source.pointer + row * size, count: size)
    }
}

extension TargetModel {
    /// For each of `rows` the outputs of largest logit but those on its own side, at most `count`, descending; by row.
    /// Where only an accepted class counts they are classes.
    func targets(_ rows: [Int], _ group: SampleGroup, _ threat: ThreatModel, count: Int) throws -> [[Int]] {
        var targets = [[Int]](repeating: [], count: group.count)
        let z = try outputs(rows, of: group.pixels)
        for (place, row) in rows.enumerated() {
            let logits = LogitView(
                z + place * plan.outputs, plan.network, outputs: plan.outputs, label: group.label(row),
                success: threat.success)
            // A stable order: by logit, then by number.
            let others = (0..<plan.outputs).filter { !logits.isOwn($0) }
                .sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
            targets[row] = Array(others.prefix(count))
        }
        return targets
    }
}
