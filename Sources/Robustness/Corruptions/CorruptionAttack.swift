import Essentials
import Kernels
import Networks

/// Corrupted images. A strength is a severity: 0.2 stands for 1, 1 for 5. Which of them are run does not follow the
/// strengths that were asked for, since these are radii and a radius of 0.1 is no severity: all five, or the one that
/// `severity` names.
final class CorruptionAttack: Attack {
    let settings: [String: String]
    private let target: TargetModel
    private let kind: Corruption
    private let severity: Int?
    private var group: SampleGroup?

    private static let severities = 1...5

    private init(_ target: TargetModel, _ kind: Corruption, severity: Int?) {
        self.target = target
        self.kind = kind
        self.severity = severity
        settings = ["kind": kind.name, "unit-of-strength": "severity / 5", "clipped": "yes"]
    }

    static let entry = AttackEntry("corruptions", .corruption, unit: { _ in .severity }, make: make)

    private static func make(
        _ specification: AttackSpecification, _ context: AttackContext
    ) throws -> AttackSuite {
        try specification.allow(["kind", "severity"])
        let all = CorruptionCatalogue.entries(for: context.target.plan.network.input)
        var kinds = all
        if let name = specification.parameters["kind"] {
            guard let kind = all.first(where: { $0.name == name }) else {
                throw Failure(
                    .usage,
                    "attack '\(specification.verbatim)': "
                        + unknownName("value of kind", name, among: all.map(\.name)))
            }
            kinds = [kind]
        }
        let severity =
            specification.parameters["severity"] == nil
            ? nil : try specification.integer("severity", severities, default: 1)
        return AttackSuite(
            kinds.map { ($0.name, CorruptionAttack(context.target, $0, severity: severity)) },
            sparesTheBroken: false)
    }

    func strengths(_ asked: [Double]) -> [Double] {
        Self.severities.filter { severity == nil || $0 == severity }.map { Double($0) / 5 }
    }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        let (size, mean) = (target.size, target.meanImage)
        for row in rows {
            let (y, x) = (perturbed + row * size, group.pixels + row * size)
            // Strengths of a recipe's validation are any: the nearest severity, or none.
            let severity = min(Self.severities.upperBound, Int((5 * strength).rounded()))
            guard severity > 0 else {
                y.update(from: x, count: size)
                continue
            }
            var random = target.random(sample: group.index(row), use: kind.name)
            var image = Raster(shape: target.plan.network.input, pixels: (0..<size).map { x[$0] + mean[$0] })
            kind.apply(to: &image, severity: severity, &random)
            for i in 0..<size { y[i] = image.pixels[i] - mean[i] }
        }
    }
}
