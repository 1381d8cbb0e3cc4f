import Essentials
import Kernels
import Networks

/// Corrupted images. A strength is a severity: 0.2 stands for 1, 1 for 5. Which of them are run does not follow the strengths
/// that were asked for, since these are radii and a radius of 0.1 is no severity: all five, or the one that `severity` names.
final class CorruptionAttack: Attack {
    let settings: [String: String]
    private let victim: Victim
    private let kind: Corruption
    private let severity: Int?
    private var group: SampleGroup?

    private static let severities = 1...5

    private init(_ victim: Victim, _ kind: Corruption, severity: Int?) {
        self.victim = victim
        self.kind = kind
        self.severity = severity
        settings = ["kind": kind.rawValue, "unit-of-strength": "severity / 5", "clipped": "yes"]
    }

    static func make(_ specification: AttackSpecification, _ context: AttackContext) throws -> AttackSuite {
        try specification.allow(["kind", "severity"])
        let all = Corruption.kinds(context.victim.plan.network.input)
        var kinds = all
        if let name = specification.parameters["kind"] {
            guard let kind = all.first(where: { $0.rawValue == name }) else {
                throw Failure(
                    .usage,
                    "attack '\(specification.verbatim)': "
                        + unknownName("value of kind", name, among: all.map(\.rawValue)))
            }
            kinds = [kind]
        }
        let severity =
            specification.parameters["severity"] == nil
            ? nil : try specification.integer("severity", severities, default: 1)
        return AttackSuite(
            kinds.map { ($0.rawValue, CorruptionAttack(context.victim, $0, severity: severity)) },
            sparesTheBroken: false)
    }

    func strengths(_ asked: [Double]) -> [Double] {
        Self.severities.filter { severity == nil || $0 == severity }.map { Double($0) / 5 }
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        let (size, mean) = (victim.size, victim.meanImage)
        for row in rows {
            let (y, x) = (perturbed + row * size, group.pixels + row * size)
            var random = victim.random(sample: group.index(row), use: kind.rawValue)
            var image = Raster(shape: victim.plan.network.input, pixels: (0..<size).map { x[$0] + mean[$0] })
            kind.apply(to: &image, severity: Int((5 * strength).rounded()), &random)
            for i in 0..<size { y[i] = image.pixels[i] - mean[i] }
        }
    }
}
