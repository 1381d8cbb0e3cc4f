import Kernels
import MessagePassing
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
    var settings: [String: String] { signs.settings }
    var needsWholeGroups: Bool { signs.mode == .batch }
    private let signs: GroupDirections
    private var group: SampleGroup?

    init(_ target: TargetModel, mode: GradientMode) {
        // A single class has no other; its direction is zero.
        signs = GroupDirections(target, mode: mode, candidates: max(1, target.plan.network.classes - 1))
    }

    static let entry = AttackEntry(
        "fgs-lmax", .gradient, isClipped: false, defaults: ["gradient-mode": GradientMode.evaluation.rawValue],
        single: FastGradientSignAttack.make)

    private static func make(_ specification: AttackSpecification, _ target: TargetModel) throws -> any Attack {
        try specification.allow(["gradient-mode"])
        return FastGradientSignAttack(target, mode: try specification.choice("gradient-mode", GradientMode.self))
    }

    func begin(_ group: SampleGroup) throws {
        self.group = group
        try signs.form(group.pixels, labels: group.labels, count: group.count)
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        signs.move(group.pixels, rows, strength: strength, into: perturbed)
    }
}

/// The FGS-lmax directions of a group.
final class GroupDirections {
    private let propagation: Propagation
    private let signs: FastGradientSign
    private let direction: Buffer<Float>
    let mode: GradientMode
    private let candidates: Int
    private let size: Int
    private let target: TargetModel

    /// For the record.
    var settings: [String: String] {
        [
            "gradient-mode": mode.rawValue, "group-size": "\(TargetModel.groupSize)", "candidates": "\(candidates)",
            "clipped": "no", "loss-tolerance": propagation.plan.network.hybridLoss?.tolerance.map { "\($0)" } ?? "none",
        ]
    }

    init(_ target: TargetModel, mode: GradientMode, candidates: Int) {
        self.target = target
        self.mode = mode
        self.candidates = candidates
        size = target.plan.network.input.count
        propagation =
            mode == .evaluation
            ? target.wholeGroup()
            : Propagation(
                target.model, lanes: 1, laneCapacity: TargetModel.groupSize * candidates, backward: true,
                inputGradient: true, keepsOutputs: false)
        signs = FastGradientSign(propagation, capacity: TargetModel.groupSize)
        direction = Buffer(TargetModel.groupSize * size)
    }

    func form(_ pixels: UnsafePointer<Float>, labels: UnsafePointer<Int32>, count: Int) throws {
        try target.onQuery?()
        Progress.beat()
        let input = propagation.input.pointer
        switch mode {
        case .evaluation:
            input.update(from: pixels, count: count * size)
            propagation.begin(images: count)
            try signs.directions(of: labels, into: direction.pointer)
        case .batch:
            for copy in 0..<count * candidates {
                (input + copy * size).update(from: pixels + copy / candidates * size, count: size)
            }
            propagation.begin(images: count * candidates)
            try signs.batchDirections(of: labels, candidates: candidates, into: direction.pointer)
        }
    }

    /// moved = pixels + 255 strength direction.
    func move(
        _ pixels: UnsafePointer<Float>, _ rows: [Int], strength: Double, into moved: UnsafeMutablePointer<Float>
    ) {
        for row in rows {
            let place = row * size
            addScaled(
                moved + place, pixels + place, direction.pointer + place, scale: Float(255 * strength), count: size)
        }
    }
}
