import Foundation
import Kernels
import Networks

/// Square Attack in the Linf ball (Andriushchenko et al. 2020, algorithms 1 and 2): random search without gradients.
/// From vertical stripes of +-radius, each query tries to set one random square window to +-radius, one sign for each
/// channel, and keeps it where the margin falls.
///
/// A sample is done with once it is broken; one that is wrong unperturbed is left as it is.
package final class SquareAttack: Attack {
    /// The settings, as parameters give them.
    struct Settings {
        var threat = ThreatModel()
        /// The most queries of a restart.
        var queries = 5000
        var restarts = 1
        /// The share of the image that the first windows cover.
        var share = 0.8
    }

    package let settings: [String: String]
    package var staysInBall: Bool { how.threat.staysInBall }
    private let target: TargetModel
    private let how: Settings
    private let best: Buffer<Float>
    private let candidate: Buffer<Float>
    private var margin = [Double](repeating: 0, count: TargetModel.groupSize)
    private var group: SampleGroup?

    init(_ target: TargetModel, _ settings: Settings) {
        self.target = target
        how = settings
        best = Buffer(TargetModel.groupSize * target.size)
        candidate = Buffer(TargetModel.groupSize * target.size)
        self.settings = how.threat.settings.merging([
            "queries": "\(how.queries)", "restarts": "\(how.restarts)", "p": "\(how.share)", "loss": "margin",
            "schedule": "p halved after 10 50 200 500 1000 2000 4000 6000 8000 of 10000 queries, scaled to the budget",
        ]) { $1 }
    }

    static let entry = AttackEntry("square", .blackBox, single: SquareAttack.make)

    private static func make(_ specification: AttackSpecification, _ target: TargetModel) throws -> any Attack {
        try specification.allow(AttackSpecification.threatParameters + ["queries", "restarts", "p"])
        return SquareAttack(
            target,
            Settings(
                threat: try specification.threat(),
                queries: try specification.integer("queries", 1...100_000_000, default: 5000),
                restarts: try specification.integer("restarts", 1...10_000, default: 1),
                share: try specification.real("p", 0...1, default: 0.8)))
    }

    package func begin(_ group: SampleGroup) { self.group = group }

    package func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        var left = try target.start(rows, of: group, in: perturbed, how.threat)
        guard strength > 0 else { return }
        for restart in 0..<how.restarts where !left.isEmpty {
            let broken = try run(left, group, restart: restart, strength: strength)
            for row in broken { (perturbed + row * size).update(from: best.pointer + row * size, count: size) }
            left.removeAll { broken.contains($0) }
        }
    }

    /// One search on some rows; returns the broken ones, whose points stand in `best`.
    private func run(_ rows: [Int], _ group: SampleGroup, restart: Int, strength: Double) throws -> [Int] {
        var (left, broken) = (rows, [Int]())
        for query in 0..<how.queries where !left.isEmpty {
            let side = Self.side(
                share: Self.share(how.share, query: query, of: how.queries), target.plan.network.input)
            for row in left {
                var random = target.random(sample: group.index(row), use: "square", restart: restart, step: query)
                let (x, x0) = (candidate.pointer + row * target.size, group.pixels + row * target.size)
                if query == 0 {
                    stripes(x, x0, &random, strength: strength)
                } else {
                    x.update(from: best.pointer + row * target.size, count: target.size)
                    window(x, x0, side: side, &random, strength: strength)
                }
                how.threat.project(x, about: x0, strength: strength, target.box)
            }
            let z = try target.outputs(left, of: candidate.pointer)
            for (place, row) in left.enumerated() {
                let logits = LogitView(
                    z + place * target.plan.outputs, target.plan.network, outputs: target.plan.outputs,
                    label: group.label(row), success: how.threat.success)
                let value = Objective.margin.value(logits, gradient: nil)
                let succeeds = how.threat.succeeds(
                    z + place * target.plan.outputs, label: group.label(row), target.plan)
                guard succeeds || query == 0 || value > margin[row] else { continue }
                margin[row] = value
                (best.pointer + row * target.size).update(
                    from: candidate.pointer + row * target.size, count: target.size)
                if succeeds { broken.append(row) }
            }
            left.removeAll { broken.contains($0) }
        }
        return broken
    }

    /// One sign for each channel and column.
    private func stripes(
        _ x: UnsafeMutablePointer<Float>, _ x0: UnsafePointer<Float>, _ random: inout Philox, strength: Double
    ) {
        let shape = target.plan.network.input
        let row = shape.width * shape.channels
        for i in 0..<row { x[i] = random.uniform() < 0.5 ? -1 : 1 }
        for y in 1..<max(1, shape.height) { (x + y * row).update(from: x, count: row) }
        addScaled(x, x0, x, scale: Float(255 * strength), count: target.size)
    }

    /// A square window of the image at +-radius, one sign for each channel: a step of 2 radius from the point,
    /// projected.
    private func window(
        _ x: UnsafeMutablePointer<Float>, _ x0: UnsafePointer<Float>, side: Int, _ random: inout Philox,
        strength: Double
    ) {
        let shape = target.plan.network.input
        let top = Int(random.uniform() * Float(shape.height - side + 1))
        let left = Int(random.uniform() * Float(shape.width - side + 1))
        for channel in 0..<shape.channels {
            let change = Float(2 * 255 * strength) * (random.uniform() < 0.5 ? -1 : 1)
            for y in top..<min(shape.height, top + side) {
                for column in left..<min(shape.width, left + side) {
                    x[(y * shape.width + column) * shape.channels + channel] += change
                }
            }
        }
    }

    /// The share of the image that a window covers at a query: halved at fixed points of the budget.
    package static func share(_ share: Double, query: Int, of queries: Int) -> Double {
        let scaled = query * 10_000 / max(1, queries)
        let halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000].count { scaled > $0 }
        return share / Double(1 << halvings)
    }

    /// The side of a window that covers a share of the image: at least 1, less than the image's.
    package static func side(share: Double, _ shape: ImageShape) -> Int {
        let side = Int((share * Double(shape.area)).squareRoot().rounded())
        return max(1, min(side, min(shape.height, shape.width) - 1))
    }
}
