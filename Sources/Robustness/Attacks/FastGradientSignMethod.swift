import Kernels
import Networks

/// FGSM (Goodfellow et al. 2015): x + strength sign g, g the gradient of the cross-entropy with the label; clipped to the
/// range of pixels unless told otherwise. Every sample is moved, those that are wrong already too.
final class FastGradientSignMethod: Attack {
    var settings: [String: String] { threat.settings.merging(["loss": "ce", "start": "sample"]) { $1 } }
    private let victim: Victim
    private let threat: ThreatModel
    private let gradient: Buffer<Float>
    private var group: SampleGroup?

    init(_ victim: Victim, _ threat: ThreatModel = ThreatModel()) {
        self.victim = victim
        self.threat = threat
        gradient = Buffer(Victim.groupSize * victim.size)
    }

    static func make(_ specification: AttackSpecification, _ victim: Victim) throws -> any Attack {
        try specification.allow(AttackSpecification.threatParameters)
        return FastGradientSignMethod(victim, try specification.threat())
    }

    func begin(_ group: SampleGroup) throws {
        self.group = group
        let (network, outputs, success) = (victim.plan.network, victim.plan.outputs, threat.success)
        try victim.gradients(Array(0..<group.count), of: group.pixels, into: gradient.pointer) { row, z, zGradient in
            let logits = LogitView(z, network, outputs: outputs, label: group.label(row), success: success)
            _ = Objective.crossEntropy.value(logits, gradient: zGradient)
        }
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        for row in rows {
            let (x, y) = (group.pixels + row * victim.size, perturbed + row * victim.size)
            addSign(y, x, gradient.pointer + row * victim.size, scale: Float(255 * strength), count: victim.size)
            if threat.isClipped { victim.box.clamp(y) }
        }
    }
}
