import Kernels
import Networks

/// Whose moments batch norm uses while a direction is formed.
enum GradientMode: String, CaseIterable {
    /// Running moments: the gradient of the network that is judged.
    case evaluation
    /// The moments of the group, each sample with all its candidate labels in one batch, as in the released code.
    case batch
}

/// FGS-lmax (equation 10) on images: x + 255 strength direction, unclipped.
final class FastGradientSignAttack: Attack {
    let isNonsense = false
    let takesStrength = true
    var settings: [String: String] { signs.settings }
    private let signs: GroupDirections
    private var group: SampleGroup?

    init(_ victim: Victim, mode: GradientMode) {
        signs = GroupDirections(victim, mode: mode, candidates: victim.plan.network.classes - 1)
    }

    func begin(_ group: SampleGroup) throws {
        self.group = group
        try signs.form(group.pixels, labels: group.labels, count: group.count)
    }

    func perturb(strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        signs.move(group.pixels, strength: strength, count: group.count, into: perturbed)
    }
}

/// Nonsense samples: Gaussian images, each scaled to 0..255 by its own minimum and maximum, less the mean image, then moved
/// by FGS-lmax over all classes.
final class NonsenseSamples: Attack {
    let isNonsense = true
    let takesStrength = true
    var settings: [String: String] { signs.settings.merging(["start": "gaussian, scaled to 0..255"]) { $1 } }
    private let victim: Victim
    private let signs: GroupDirections
    private let start: Buffer<Float>
    private let labels: Buffer<Int32>
    private var count = 0

    init(_ victim: Victim, mode: GradientMode) {
        self.victim = victim
        signs = GroupDirections(victim, mode: mode, candidates: victim.plan.network.classes)
        start = Buffer(Victim.groupSize * victim.plan.network.input.count)
        labels = Buffer([Int32](repeating: -1, count: Victim.groupSize))
    }

    func begin(_ group: SampleGroup) throws {
        count = group.count
        let size = victim.plan.network.input.count
        for (sample, index) in group.indices.enumerated() {
            var random = victim.random(sample: index, use: "nonsense")
            let image = start.pointer + sample * size
            random.fillGaussian(image, count: size)
            var (low, high) = (image[0], image[0])
            for i in 0..<size { (low, high) = (min(low, image[i]), max(high, image[i])) }
            let scale = high > low ? 255 / (high - low) : 0
            for i in 0..<size { image[i] = (image[i] - low) * scale - victim.meanImage[i] }
        }
        try signs.form(start.pointer, labels: labels.pointer, count: count)
    }

    func perturb(strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        signs.move(start.pointer, strength: strength, count: count, into: perturbed)
    }
}

/// The FGS-lmax directions of a group.
private final class GroupDirections {
    private let propagation: Propagation
    private let signs: FastGradientSign
    private let direction: Buffer<Float>
    private let mode: GradientMode
    private let candidates: Int
    private let size: Int

    /// For the record.
    var settings: [String: String] {
        [
            "gradient-mode": mode.rawValue, "group-size": "\(Victim.groupSize)", "candidates": "\(candidates)",
            "clipped": "no", "loss-tolerance": propagation.plan.network.hybridLoss?.tolerance.map { "\($0)" } ?? "none",
        ]
    }

    init(_ victim: Victim, mode: GradientMode, candidates: Int) {
        self.mode = mode
        self.candidates = candidates
        size = victim.plan.network.input.count
        propagation =
            mode == .evaluation
            ? victim.gradients()
            : Propagation(
                victim.model, lanes: 1, laneCapacity: Victim.groupSize * candidates, backward: true,
                inputGradient: true)
        signs = FastGradientSign(propagation, capacity: Victim.groupSize)
        direction = Buffer(Victim.groupSize * size)
    }

    func form(_ pixels: UnsafePointer<Float>, labels: UnsafePointer<Int32>, count: Int) throws {
        let input = propagation.input.pointer
        switch mode {
        case .evaluation:
            // A short group is filled up, so that every product has one shape.
            input.update(from: pixels, count: count * size)
            (input + count * size).update(repeating: 0, count: (Victim.groupSize - count) * size)
            propagation.begin(counts: CollectionOfOne(Victim.groupSize), globalImages: Victim.groupSize)
            try signs.directions(of: labels, into: direction.pointer)
        case .batch:
            for copy in 0..<count * candidates {
                (input + copy * size).update(from: pixels + copy / candidates * size, count: size)
            }
            propagation.begin(counts: CollectionOfOne(count * candidates), globalImages: count * candidates)
            try signs.batchDirections(of: labels, candidates: candidates, into: direction.pointer)
        }
    }

    /// moved = pixels + 255 strength direction.
    func move(
        _ pixels: UnsafePointer<Float>, strength: Double, count: Int, into moved: UnsafeMutablePointer<Float>
    ) {
        addScaled(moved, pixels, direction.pointer, scale: Float(255 * strength), count: count * size)
    }
}
