import Kernels
import Networks

/// FGSM (Goodfellow et al. 2015): x + strength sign g, g the gradient of the cross-entropy with the label; clipped to
/// the range of pixels unless told otherwise. Every sample is moved, those that are wrong already too.
final class FastGradientSignMethod: Attack {
    var settings: [String: String] { threat.settings.merging(["loss": "ce", "start": "sample"]) { $1 } }
    var staysInBall: Bool { threat.staysInBall }
    private let target: TargetModel
    private let threat: ThreatModel
    private let gradient: Buffer<Float>
    private var group: SampleGroup?

    init(_ target: TargetModel, _ threat: ThreatModel = ThreatModel()) {
        self.target = target
        self.threat = threat
        gradient = Buffer(TargetModel.groupSize * target.size)
    }

    static let entry = AttackEntry("fgsm", .gradient, single: FastGradientSignMethod.make)

    private static func make(_ specification: AttackSpecification, _ target: TargetModel) throws -> any Attack {
        try specification.allow(AttackSpecification.threatParameters)
        return FastGradientSignMethod(target, try specification.threat())
    }

    func begin(_ group: SampleGroup) throws {
        self.group = group
        let (network, outputs, success) = (target.plan.network, target.plan.outputs, threat.success)
        try target.gradients(Array(0..<group.count), of: group.pixels, into: gradient.pointer) { row, z, zGradient in
            let logits = LogitView(z, network, outputs: outputs, label: group.label(row), success: success)
            _ = Objective.crossEntropy.value(logits, gradient: zGradient)
        }
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        for row in rows {
            let (x, y) = (group.pixels + row * target.size, perturbed + row * target.size)
            addSign(y, x, gradient.pointer + row * target.size, scale: Float(255 * strength), count: target.size)
            if threat.isClipped { target.box.clamp(y) }
        }
    }
}
