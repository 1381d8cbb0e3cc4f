import Essentials
import Foundation
import Kernels
import Networks

/// Samples that an attack makes on another network, judged by the target (Carlini et al. 2019): a part for each of the
/// other networks of the evaluation.
final class TransferAttack: Attack {
    let settings: [String: String]
    private let attack: any Attack
    /// The target's mean image less the source's: what is added to an image on its way to the source.
    private let shift: [Float]
    private let size: Int
    private let images: Buffer<Float>
    private let pixels: Buffer<Float>

    private init(_ target: TargetModel, source: TargetModel, name: String, _ attack: any Attack) {
        self.attack = attack
        size = target.size
        shift = zip(target.meanImage, source.meanImage).map { $0 - $1 }
        images = Buffer(TargetModel.groupSize * size)
        pixels = Buffer(TargetModel.groupSize * size)
        settings = attack.settings.merging(["source": name, "source-digest": source.digest]) { $1 }
    }

    static let entry = AttackEntry(
        "transfer", .transfer, unit: { (try? inner($0)).flatMap { own in own.entry?.unit(own) } ?? .linf }, make: make)

    /// The attack that is made on the other networks: `attack`, with all other parameters.
    private static func inner(_ specification: AttackSpecification) throws -> AttackSpecification {
        var parameters = specification.parameters
        let name = parameters.removeValue(forKey: "attack") ?? "pgd"
        return try AttackSpecification(
            ([name] + parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }).joined(separator: ":"))
    }

    private static func make(
        _ specification: AttackSpecification, _ context: AttackContext
    ) throws -> AttackSuite {
        guard !context.others.isEmpty else {
            throw Failure(
                .usage,
                "attack '\(specification.verbatim)': samples are made on other networks than the one that judges them: "
                    + "name at least two checkpoints")
        }
        guard context.others.count < AttackSuite.mostParts else {
            throw Failure(
                .usage,
                "attack '\(specification.verbatim)': \(context.others.count) other networks; at most "
                    + "\(AttackSuite.mostParts) make samples")
        }
        let inner = try inner(specification)
        let input = context.target.plan.network.input
        let parts = try context.others.map { other -> (String, any Attack) in
            guard other.target.plan.network.input == input,
                other.target.plan.network.classes == context.target.plan.network.classes
            else {
                throw Failure(
                    .data,
                    "attack '\(specification.verbatim)': \(other.name) takes other images or has other classes than "
                        + "the network to be judged")
            }
            let suite = try AttackCatalogue.attack(inner, AttackContext(other.target))
            guard suite.parts.count == 1, !suite.isNonsense else {
                throw Failure(
                    .usage,
                    "attack '\(specification.verbatim)': attack=\(inner.name) has parts or makes no images; name "
                        + "another"
                )
            }
            return (
                other.name.replacingOccurrences(of: "/", with: "_"),
                TransferAttack(context.target, source: other.target, name: other.name, suite.parts[0].attack)
            )
        }
        return AttackSuite(parts, sparesTheBroken: false)
    }

    var staysInBall: Bool { attack.staysInBall }
    var needsWholeGroups: Bool { attack.needsWholeGroups }
    func strengths(_ asked: [Double]) -> [Double] { attack.strengths(asked) }

    func warnings(_ strengths: [Double]) -> [String] { attack.warnings(strengths) }

    func begin(_ group: SampleGroup) throws {
        for row in 0..<group.count { add(pixels.pointer, group.pixels, row, 1) }
        try attack.begin(
            SampleGroup(
                count: group.count, indices: group.indices, labels: group.labels, pixels: pixels.pointer))
    }

    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws {
        try attack.perturb(rows, strength: strength, into: images.pointer)
        for row in rows { add(perturbed, images.pointer, row, -1) }
    }

    private func add(
        _ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ row: Int, _ sign: Float
    ) {
        for i in 0..<size { target[row * size + i] = source[row * size + i] + sign * shift[i] }
    }
}
