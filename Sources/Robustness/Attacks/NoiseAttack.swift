import Kernels

/// Noise of one draw a sample, the same for all strengths: unclipped, in pixel units.
enum NoiseKind: String, CaseIterable {
    /// x + 255 strength N(0, 1): the paper's text.
    case gaussian = "noise-gaussian"
    /// x + 255 strength U(-1, 1).
    case uniform = "noise-uniform"
    /// x +- 255 strength, by a fair coin for each element: the released code.
    case sign = "noise-sign"
    /// Each element becomes 0 or 255 with probability strength / 2 each.
    case saltAndPepper = "noise-salt-pepper"
}

/// Noisy images.
final class NoiseAttack: Attack {
    let settings = ["draws": "1", "clipped": "no"]
    private let kind: NoiseKind
    private let victim: Victim
    private let noise: Buffer<Float>
    private var group: SampleGroup?

    init(_ victim: Victim, _ kind: NoiseKind) {
        self.victim = victim
        self.kind = kind
        noise = Buffer(Victim.groupSize * victim.plan.network.input.count)
    }

    static func make(_ specification: AttackSpecification, _ victim: Victim) throws -> any Attack {
        try specification.allow([])
        guard let kind = NoiseKind(rawValue: specification.name) else {
            preconditionFailure("\(specification.name) is no noise")
        }
        return NoiseAttack(victim, kind)
    }

    func begin(_ group: SampleGroup) {
        self.group = group
        let size = victim.plan.network.input.count
        for (sample, index) in group.indices.enumerated() {
            var random = victim.random(sample: index, use: kind.rawValue)
            let values = noise.pointer + sample * size
            switch kind {
            case .gaussian: random.fillGaussian(values, count: size)
            case .sign: for i in 0..<size { values[i] = random.uniform() < 0.5 ? -1 : 1 }
            case .uniform: for i in 0..<size { values[i] = 2 * random.uniform() - 1 }
            case .saltAndPepper: for i in 0..<size { values[i] = random.uniform() }
            }
        }
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        let size = victim.size
        for row in rows {
            let (y, x, draws) = (perturbed + row * size, group.pixels + row * size, noise.pointer + row * size)
            guard kind == .saltAndPepper else {
                addScaled(y, x, draws, scale: Float(255 * strength), count: size)
                continue
            }
            for i in 0..<size {
                let u = Double(draws[i])
                y[i] = u < strength / 2 ? victim.box.low.pointer[i] : u < strength ? victim.box.high.pointer[i] : x[i]
            }
        }
    }
}
