import Kernels
import Networks

/// The loop over strengths and parts that attacks one group of samples and judges what comes out.
package final class GroupAttack {
    /// A sample under one part of one strength.
    package struct Judged {
        /// The strength's place in the list.
        package let strength: Int
        /// The sample's row in its group.
        package let row: Int
        /// Its record.
        package let record: SampleRecord
        /// True where it counts as broken: an image whose winning output is not its label, nonsense that is accepted.
        package let isBroken: Bool
        /// The outputs z, [outputs]; lent for the call.
        package let z: UnsafePointer<Float>
        /// The perturbed sample, [input shape], in pixel units less the mean image; lent for the call.
        package let image: UnsafePointer<Float>
    }

    private let target: TargetModel
    private let origin, perturbed, confidences: Buffer<Float>

    /// Takes memory for groups of ``TargetModel/groupSize``.
    package init(_ target: TargetModel) {
        self.target = target
        origin = Buffer(TargetModel.groupSize * target.size)
        perturbed = Buffer(TargetModel.groupSize * target.size)
        confidences = Buffer(target.plan.outputs)
    }

    /// Attacks rows of a group, strength by strength, part by part, and hands over each sample judged. Local.
    ///
    /// - Parameters:
    ///   - rows: the samples; nil for all of the group.
    ///   - sparesTheBroken: whether a part is spared the samples on which one before it has succeeded; nil as the
    ///     suite says.
    package func run(
        _ suite: AttackSuite, on group: SampleGroup, rows: [Int]? = nil, strengths: [Double],
        sparesTheBroken: Bool? = nil, take: (Judged) throws -> Void
    ) throws {
        let all = rows ?? Array(0..<group.count)
        let (size, outputs) = (target.size, target.plan.outputs)
        var begun = Set<Int>()
        for (place, strength) in strengths.enumerated() {
            var left = all
            for (number, part) in suite.parts.enumerated() where !left.isEmpty {
                if begun.insert(number).inserted { try part.attack.begin(group) }
                // The distance of nonsense is that from itself unperturbed.
                var source = group.pixels
                if part.attack.isNonsense {
                    try part.attack.perturb(left, strength: 0, into: origin.pointer)
                    source = UnsafePointer(origin.pointer)
                }
                try part.attack.perturb(left, strength: strength, into: perturbed.pointer)
                let z = try target.outputs(left, of: perturbed.pointer)
                var broken = Set<Int>()
                for (order, row) in left.enumerated() {
                    let label = part.attack.isNonsense ? nil : group.label(row)
                    let z = z + order * outputs
                    var record = target.plan.judge(z, label: label, confidences: confidences.pointer)
                    record.measure(source + row * size, perturbed.pointer + row * size, count: size)
                    record.part = UInt8(number)
                    let isBroken = record.severity(label: label) > 0
                    if isBroken { broken.insert(row) }
                    try take(
                        Judged(
                            strength: place, row: row, record: record, isBroken: isBroken, z: z,
                            image: UnsafePointer(perturbed.pointer + row * size)))
                }
                if sparesTheBroken ?? suite.sparesTheBroken { left.removeAll { broken.contains($0) } }
            }
        }
    }
}
