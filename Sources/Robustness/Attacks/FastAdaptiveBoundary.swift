import Kernels
import Networks

/// Targeted Fast Adaptive Boundary in the Linf norm (Croce & Hein 2020, "Minimally distorted adversarial examples",
/// algorithm 1): looks for the closest point on the other side of the boundary to each of the next classes by logit.
/// Each iteration linearises the boundary, projects the point and the sample onto it inside the range of pixels, mixes
/// the two with an overshoot, and steps back towards the sample once it is across.
///
/// It has succeeded on a sample where the closest point is within the strength; such a sample is done with. One that is
/// wrong unperturbed is left as it is.
final class FastAdaptiveBoundary: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        var steps = 100
        var restarts = 1
        var targets = 9
    }

    /// The largest weight of the sample's own projection, the overshoot, and the share of the way that a step back
    /// keeps.
    private static let (largestBias, overshoot, backStep): (Double, Double, Double) = (0.1, 1.05, 0.9)

    let settings: [String: String]
    var staysInBall: Bool { how.threat.staysInBall }
    private let target: TargetModel
    private let how: Settings
    private let points, gradient, adversarial: Buffer<Float>
    private let move, ownMove: Buffer<Float>
    private var difference = [Double](repeating: 0, count: TargetModel.groupSize)
    private var distance = [Float](repeating: 0, count: TargetModel.groupSize)
    private var group: SampleGroup?

    init(_ target: TargetModel, _ settings: Settings) {
        self.target = target
        how = settings
        let count = TargetModel.groupSize * target.size
        (points, gradient, adversarial) = (Buffer(count), Buffer(count), Buffer(count))
        (move, ownMove) = (Buffer(target.size), Buffer(target.size))
        self.settings = how.threat.settings.merging([
            "steps": "\(how.steps)", "restarts": "\(how.restarts)", "targets": "\(how.targets)",
            "alpha-max": "\(Self.largestBias)", "eta": "\(Self.overshoot)", "beta": "\(Self.backStep)",
        ]) { $1 }
    }

    static let entry = AttackEntry("fab-t", .gradient, single: FastAdaptiveBoundary.make)

    private static func make(_ specification: AttackSpecification, _ target: TargetModel) throws -> any Attack {
        try specification.allow(["success", "steps", "restarts", "targets"])
        return FastAdaptiveBoundary(
            target,
            Settings(
                threat: try specification.threat(),
                steps: try specification.integer("steps", 1...1_000_000, default: 100),
                restarts: try specification.integer("restarts", 1...10_000, default: 1),
                targets: try specification.integer("targets", 1...32_767, default: 9)))
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        var left = try target.start(rows, of: group, in: perturbed, how.threat)
        guard strength > 0 else { return }
        let radius = Float(255 * strength)
        let targets = try target.targets(left, group, how.threat, count: how.targets)
        for row in left { distance[row] = .infinity }
        for round in 0..<(targets.map(\.count).max() ?? 0) {
            for restart in 0..<how.restarts where !left.isEmpty {
                let aims = left.filter { targets[$0].count > round }
                try run(aims, group, restart: restart, round: round, radius: radius) { targets[$0][round] }
                for row in aims where distance[row] <= radius {
                    (perturbed + row * size).update(from: adversarial.pointer + row * size, count: size)
                }
                left.removeAll { distance[$0] <= radius }
            }
        }
    }

    /// One run towards one target of each row; the closest points across the boundary go to `adversarial`, their
    /// distances to `distance`.
    private func run(
        _ rows: [Int], _ group: SampleGroup, restart: Int, round: Int, radius: Float, aim: (Int) -> Int
    ) throws {
        let size = target.size
        for row in rows {
            let x = points.pointer + row * size
            x.update(from: group.pixels + row * size, count: size)
            guard restart > 0 else { continue }
            var random = target.random(sample: group.index(row), use: "fab-t", restart: restart, step: round)
            let reach = min(radius, distance[row]) / 2
            for i in 0..<size { x[i] += reach * (2 * random.uniform() - 1) }
            target.box.clamp(x)
        }
        var left = rows
        for _ in 0..<how.steps where !left.isEmpty {
            try linearise(left, group, aim)
            for row in left { step(row, group.pixels + row * size) }
            let z = try target.outputs(left, of: points.pointer)
            for (place, row) in left.enumerated() {
                guard
                    how.threat.succeeds(
                        z + place * target.plan.outputs, label: group.label(row), target.plan)
                else { continue }
                stepBack(row, group.pixels + row * size)
            }
            left.removeAll { distance[$0] <= radius }
        }
    }

    /// The difference of the target's logit and the own side's largest, and its gradient.
    private func linearise(_ rows: [Int], _ group: SampleGroup, _ aim: (Int) -> Int) throws {
        let (plan, success) = (target.plan, how.threat.success)
        try target.gradients(rows, of: points.pointer, into: gradient.pointer) { row, z, zGradient in
            let logits = LogitView(z, plan.network, outputs: plan.outputs, label: group.label(row), success: success)
            let (other, own) = (aim(row), logits.largest(own: true) ?? group.label(row))
            difference[row] = Double(logits[other]) - Double(logits[own])
            zGradient.update(repeating: 0, count: plan.outputs)
            zGradient[other] += 1
            zGradient[own] -= 1
            logits.chain(zGradient)
        }
    }

    /// From the point x and the sample x0 to (1 - a)(x + eta d) + a (x0 + eta d0), d and d0 their ways to the
    /// linearised boundary, a by the lengths of the two.
    private func step(_ row: Int, _ x0: UnsafePointer<Float>) {
        let size = target.size
        let (x, w) = (points.pointer + row * size, gradient.pointer + row * size)
        // The boundary where w (y - x) + difference = 0: from x0 the difference is that at x, and w (x0 - x).
        var offset = difference[row]
        for i in 0..<size { offset += Double(w[i]) * Double(x0[i] - x[i]) }
        let own = BoundaryProjection.project(ownMove.pointer, x0, w, difference: offset, target.box, count: size)
        let length = BoundaryProjection.project(
            move.pointer, x, w, difference: difference[row], target.box, count: size)
        // Lengths below 1e-8 of the pixel range count as that.
        let (a1, a2) = (max(length, 255e-8), max(own, 255e-8))
        let bias = Float(min(a1 / (a1 + a2), Self.largestBias))
        let eta = Float(Self.overshoot)
        for i in 0..<size {
            x[i] = (x[i] + eta * move.pointer[i]) * (1 - bias) + (x0[i] + eta * ownMove.pointer[i]) * bias
        }
        target.box.clamp(x)
    }

    /// Notes a point across the boundary if it is the closest so far, and goes back towards the sample.
    private func stepBack(_ row: Int, _ x0: UnsafePointer<Float>) {
        let x = points.pointer + row * target.size
        var largest: Float = 0
        for i in 0..<target.size { largest = max(largest, abs(x[i] - x0[i])) }
        if largest < distance[row] {
            distance[row] = largest
            (adversarial.pointer + row * target.size).update(from: x, count: target.size)
        }
        for i in 0..<target.size { x[i] = x0[i] + Float(Self.backStep) * (x[i] - x0[i]) }
    }
}

/// The closest point in the Linf norm to x on a hyperplane, inside the range of pixels.
package enum BoundaryProjection {
    /// Writes the way d to the point of {y in the box: w (y - x) + difference = 0} closest to x, or, where the box does
    /// not reach the plane, to the point of the box closest to the plane.
    ///
    /// Each element moves by the same length l, or to the box's side: sum |w_i| min(l, room_i) = |difference|, a
    /// concave function of l, solved by Newton's method from below, which ends after finitely many steps.
    ///
    /// - Returns: the Linf norm of d.
    @discardableResult
    package static func project(
        _ d: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, difference: Double,
        _ box: PixelBox, count: Int
    ) -> Double {
        let sign: Float = difference > 0 ? -1 : 1
        // How far each element may go; 0 where w has no say.
        for i in 0..<count {
            let direction = sign * w[i]
            d[i] = direction > 0 ? box.high.pointer[i] - x[i] : direction < 0 ? x[i] - box.low.pointer[i] : 0
        }
        var length = 0.0
        let wanted = abs(difference)
        while true {
            var (reached, slope) = (0.0, 0.0)
            for i in 0..<count {
                let (weight, room) = (Double(abs(w[i])), Double(d[i]))
                if room > length {
                    reached += weight * length
                    slope += weight
                } else {
                    reached += weight * room
                }
            }
            guard slope > 0, reached < wanted else { break }
            let next = length + (wanted - reached) / slope
            guard next > length else { break }
            length = next
        }
        var largest = 0.0
        for i in 0..<count {
            let way = min(Double(d[i]), length)
            largest = max(largest, way)
            d[i] = Float(w[i] * sign > 0 ? way : -way)
        }
        return largest
    }
}
