import Kernels
import Networks

/// A kind of images that show nothing.
enum NonsenseFamily: String, CaseIterable {
    /// N(0, 1), scaled to 0..255 by the image's own minimum and maximum: the paper's.
    case gaussian
    /// Uniform in 0..255.
    case uniform
    /// 0 or 255 by a fair coin.
    case binary
    /// 0, but for a tenth of the elements, which are uniform in 0..255.
    case sparse
    /// The sample's own image, its pixels in a random order.
    case permuted
    /// The sample's own image, inverted.
    case inverted
    /// All of them, each a part.
    case all
}

/// Samples of nonsense, which a network should reject, moved to look like a class.
final class NonsenseSamples: Attack {
    /// How a sample is moved.
    enum Mover: String, CaseIterable {
        /// By FGS-lmax over all classes, unclipped: the paper's.
        case fgs
        /// By projected gradient descent that maximises the largest logit of a class, clipped to the range of pixels.
        case pgd
        /// Not at all.
        case none
    }

    let isNonsense = true
    let settings: [String: String]
    var needsWholeGroups: Bool { signs?.mode == .batch }
    private let target: TargetModel
    private let family: NonsenseFamily
    private let mover: Mover
    private let steps: Int
    private let signs: GroupDirections?
    private let ascent: ProjectedAscent?
    private let start: Buffer<Float>
    private let labels: Buffer<Int32>

    /// A step of `pgd` as a share of the strength.
    private static let stepSize = 0.1

    private init(_ target: TargetModel, _ family: NonsenseFamily, _ mover: Mover, _ mode: GradientMode, steps: Int) {
        self.target = target
        self.family = family
        self.mover = mover
        self.steps = steps
        signs =
            mover == .fgs ? GroupDirections(target, mode: mode, candidates: target.plan.network.classes) : nil
        let count = TargetModel.groupSize * target.size
        start = Buffer(count)
        ascent = mover == .pgd ? ProjectedAscent(target) : nil
        labels = Buffer([Int32](repeating: -1, count: TargetModel.groupSize))
        var settings = signs?.settings ?? [:]
        settings["start"] = family == .gaussian ? "gaussian, scaled to 0..255" : family.rawValue
        settings["attack"] = mover.rawValue
        if mover == .pgd {
            settings["steps"] = "\(steps)"
            settings["step"] = "\(Self.stepSize) of the strength"
            settings["clipped"] = "yes"
        }
        self.settings = settings
    }

    static let entry = AttackEntry(
        "nonsense", .nonsense, isClipped: false,
        defaults: [
            "gradient-mode": GradientMode.evaluation.rawValue, "family": NonsenseFamily.gaussian.rawValue,
            "attack": Mover.fgs.rawValue,
        ], make: make)

    private static func make(
        _ specification: AttackSpecification, _ context: AttackContext
    ) throws -> AttackSuite {
        let mover = try specification.choice("attack", Mover.self)
        try specification.allow(
            ["family", "attack"] + (mover == .fgs ? ["gradient-mode"] : mover == .pgd ? ["steps"] : []))
        let family = try specification.choice("family", NonsenseFamily.self)
        let mode = try specification.choice("gradient-mode", GradientMode.self)
        let steps = try specification.integer("steps", 1...1_000_000, default: 40)
        let families = family == .all ? NonsenseFamily.allCases.filter { $0 != .all } : [family]
        return AttackSuite(
            families.map { ($0.rawValue, NonsenseSamples(context.target, $0, mover, mode, steps: steps)) },
            sparesTheBroken: false)
    }

    func strengths(_ asked: [Double]) -> [Double] { mover == .none ? [0] : asked }

    func begin(_ group: SampleGroup) throws {
        for row in 0..<group.count { draw(row, group) }
        try signs?.form(start.pointer, labels: labels.pointer, count: group.count)
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        if let signs { return signs.move(start.pointer, rows, strength: strength, into: perturbed) }
        let size = target.size
        for row in rows { (perturbed + row * size).update(from: start.pointer + row * size, count: size) }
        guard let ascent, strength > 0 else { return }
        let (network, outputs) = (target.plan.network, target.plan.outputs)
        try ascent.climb(
            rows, perturbed, about: start.pointer, strength: strength, steps: steps,
            length: { _ in 255 * strength * Self.stepSize }
        ) { _, _, z, zGradient in
            zGradient.update(repeating: 0, count: outputs)
            let best = network.loss.winner(z, outputs: network.classes)
            zGradient[best] = network.loss.scoreSlope(z[best])
        }
    }

    /// Draws the nonsense of a row, in pixel units less the mean image.
    private func draw(_ row: Int, _ group: SampleGroup) {
        let size = target.size
        // The Gaussian ones have the numbers of the attack's name alone.
        var random = target.random(
            sample: group.index(row), use: family == .gaussian ? "nonsense" : "nonsense-\(family.rawValue)")
        let (image, own) = (start.pointer + row * size, group.pixels + row * size)
        let mean = target.meanImage
        switch family {
        case .gaussian, .all:
            random.fillGaussian(image, count: size)
            var (low, high) = (image[0], image[0])
            for i in 0..<size { (low, high) = (min(low, image[i]), max(high, image[i])) }
            let scale = high > low ? 255 / (high - low) : 0
            for i in 0..<size { image[i] = (image[i] - low) * scale - mean[i] }
        case .uniform: for i in 0..<size { image[i] = 255 * random.uniform() - mean[i] }
        case .binary: for i in 0..<size { image[i] = (random.uniform() < 0.5 ? 0 : 255) - mean[i] }
        case .sparse:
            for i in 0..<size {
                let isSet = random.uniform() < 0.1
                let value = 255 * random.uniform()
                image[i] = (isSet ? value : 0) - mean[i]
            }
        case .permuted:
            let channels = target.plan.network.input.channels
            let order = random.permutation(size / channels)
            for (to, from) in order.enumerated() {
                for channel in 0..<channels {
                    let (target, source) = (to * channels + channel, Int(from) * channels + channel)
                    image[target] = own[source] + mean[source] - mean[target]
                }
            }
        case .inverted: for i in 0..<size { image[i] = 255 - (own[i] + mean[i]) - mean[i] }
        }
    }
}
