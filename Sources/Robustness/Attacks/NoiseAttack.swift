import Kernels
import Networks

/// How noise of a strength is made; in pixel units.
enum NoiseKind: String, CaseIterable {
    /// x + 255 strength N(0, 1): the paper's text.
    case gaussian = "noise-gaussian"
    /// x + 255 strength U(-1, 1).
    case uniform = "noise-uniform"
    /// x +- 255 strength, by a fair coin for each element: the released code.
    case sign = "noise-sign"
    /// Each element becomes 0 or 255 with probability strength / 2 each.
    case saltAndPepper = "noise-salt-pepper"

    /// The quantity that a strength is.
    var unit: StrengthUnit {
        switch self {
        case .gaussian: .deviation
        case .uniform, .sign: .linf
        case .saltAndPepper: .share
        }
    }
}

/// Noisy images: one draw a sample, the same for all strengths, unclipped, as the paper has it; or the first of several
/// draws that makes the network wrong.
final class NoiseAttack: Attack {
    let settings: [String: String]
    private let kind: NoiseKind
    private let target: TargetModel
    private let threat: ThreatModel
    private let draws: Int
    private let noise: Buffer<Float>
    /// The draw that `noise` holds.
    private var draw = -1
    private var group: SampleGroup?

    init(
        _ target: TargetModel, _ kind: NoiseKind, _ threat: ThreatModel = ThreatModel(isClipped: false), draws: Int = 1
    ) {
        self.target = target
        self.kind = kind
        self.threat = threat
        self.draws = draws
        noise = Buffer(TargetModel.groupSize * target.size)
        settings = [
            "draws": "\(draws)", "clipped": threat.isClipped ? "yes" : "no", "success": threat.success.rawValue,
        ]
    }

    /// An entry for each kind of noise.
    static let entries = NoiseKind.allCases.map { kind in
        AttackEntry(kind.rawValue, .noise, isClipped: false, unit: kind.unit, single: { try make(kind, $0, $1) })
    }

    private static func make(
        _ kind: NoiseKind, _ specification: AttackSpecification, _ target: TargetModel
    ) throws -> any Attack {
        let blends = kind == .uniform && specification.parameters["blend"] != nil
        try specification.allow(
            AttackSpecification.threatParameters + ["draws"] + (kind == .uniform ? ["blend"] : []))
        let threat = try specification.threat(clipped: blends)
        let draws = try specification.integer("draws", 1...100_000, default: 1)
        guard blends else { return NoiseAttack(target, kind, threat, draws: draws) }
        return BlendedNoise(
            target, threat, draws: draws, steps: try specification.integer("blend", 1...100_000, default: 1000))
    }

    func begin(_ group: SampleGroup) {
        self.group = group
        draw = -1
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        fill(group, draw: 0)
        for row in rows { add(row, group, strength: strength, to: perturbed) }
        guard draws > 1 else { return }
        var left = try target.withstanding(rows, of: perturbed, group, threat)
        let others = Buffer<Float>(TargetModel.groupSize * target.size)
        for draw in 1..<draws where !left.isEmpty {
            fill(group, draw: draw)
            for row in left { add(row, group, strength: strength, to: others.pointer) }
            let withstanding = try target.withstanding(left, of: others.pointer, group, threat)
            for row in Set(left).subtracting(withstanding) {
                (perturbed + row * target.size).update(from: others.pointer + row * target.size, count: target.size)
            }
            left = withstanding
        }
    }

    private func fill(_ group: SampleGroup, draw: Int) {
        guard draw != self.draw else { return }
        self.draw = draw
        let size = target.size
        for row in 0..<group.count {
            var random = target.random(sample: group.index(row), use: kind.rawValue, restart: draw)
            let values = noise.pointer + row * size
            switch kind {
            case .gaussian: random.fillGaussian(values, count: size)
            case .sign: for i in 0..<size { values[i] = random.uniform() < 0.5 ? -1 : 1 }
            case .uniform: for i in 0..<size { values[i] = 2 * random.uniform() - 1 }
            case .saltAndPepper: for i in 0..<size { values[i] = random.uniform() }
            }
        }
    }

    private func add(_ row: Int, _ group: SampleGroup, strength: Double, to images: UnsafeMutablePointer<Float>) {
        let size = target.size
        let (y, x, draws) = (images + row * size, group.pixels + row * size, noise.pointer + row * size)
        if kind == .saltAndPepper {
            for i in 0..<size {
                let u = Double(draws[i])
                y[i] = u < strength / 2 ? target.box.low.pointer[i] : u < strength ? target.box.high.pointer[i] : x[i]
            }
        } else {
            addScaled(y, x, draws, scale: Float(255 * strength), count: size)
        }
        if threat.isClipped { target.box.clamp(y) }
    }
}

/// Uniform noise blended in: x + t (u - x), u uniform in the range of pixels, at the least t of a line search that
/// makes the network wrong. The record is that point where it is within the strength, else the point of the line at
/// that distance.
final class BlendedNoise: Attack {
    let settings: [String: String]
    var staysInBall: Bool { threat.staysInBall }
    private let target: TargetModel
    private let threat: ThreatModel
    private let draws: Int
    private let steps: Int
    private let noise, points: Buffer<Float>
    private var group: SampleGroup?

    init(_ target: TargetModel, _ threat: ThreatModel, draws: Int, steps: Int) {
        self.target = target
        self.threat = threat
        self.draws = draws
        self.steps = steps
        (noise, points) = (Buffer(TargetModel.groupSize * target.size), Buffer(TargetModel.groupSize * target.size))
        settings = threat.settings.merging([
            "draws": "\(draws)", "blend": "\(steps)", "norm": "linf", "start": "uniform in the range of pixels",
        ]) { $1 }
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        guard let group else { return }
        let size = target.size
        var left = try target.start(rows, of: group, in: perturbed, threat)
        for draw in 0..<draws where !left.isEmpty {
            var reach = [Float](repeating: 0, count: group.count)
            for row in left { reach[row] = fill(row, group, draw: draw, radius: Float(255 * strength)) }
            if draw == 0 { for row in left { place(row, group, reach[row], perturbed) } }
            var searching = left
            for step in 1...steps where !searching.isEmpty {
                let t = Float(step) / Float(steps)
                for row in searching { place(row, group, min(t, reach[row]), points.pointer) }
                let withstanding = try target.withstanding(searching, of: points.pointer, group, threat)
                for row in Set(searching).subtracting(withstanding) {
                    (perturbed + row * size).update(from: points.pointer + row * size, count: size)
                    left.removeAll { $0 == row }
                }
                searching = withstanding.filter { t < reach[$0] }
            }
        }
    }

    /// Draws the noise of a row; returns the largest t within the radius.
    private func fill(_ row: Int, _ group: SampleGroup, draw: Int, radius: Float) -> Float {
        var random = target.random(sample: group.index(row), use: "noise-blended", restart: draw)
        let (u, x) = (noise.pointer + row * target.size, group.pixels + row * target.size)
        var largest: Float = 0
        for i in 0..<target.size {
            u[i] = target.box.low.pointer[i] + 255 * random.uniform()
            largest = max(largest, abs(u[i] - x[i]))
        }
        return largest > 0 ? min(1, radius / largest) : 0
    }

    private func place(_ row: Int, _ group: SampleGroup, _ t: Float, _ images: UnsafeMutablePointer<Float>) {
        let (y, x, u) = (
            images + row * target.size, group.pixels + row * target.size, noise.pointer + row * target.size
        )
        for i in 0..<target.size { y[i] = x[i] + t * (u[i] - x[i]) }
    }
}
