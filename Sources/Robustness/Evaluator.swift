import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks

/// What an attack of several strengths did to all evaluated samples.
public struct AttackResult: Sendable {
    /// The attack.
    public let specification: AttackSpecification
    /// Whether its samples are nonsense.
    public let isNonsense: Bool
    /// The strengths, fractions of the pixel range.
    public let strengths: [Double]
    /// What the attack did, in full.
    public let settings: [String: String]
    /// [strengths, samples].
    public let records: [[SampleRecord]]
}

/// Evaluates one network on all ranks: groups of samples are dealt to ranks, each record is made by one rank, and rank 0
/// holds them all in the end. The records do not depend on the number of ranks (invariant 3).
public final class Evaluator {
    private let victim: Victim
    private let samples: ImageSet
    private let communicator: Communicator
    private let classifier: Classifier
    private let pixels: Buffer<Float>
    private let perturbed: Buffer<Float>
    private let labels: Buffer<Int32>
    private let confidences: Buffer<Float>

    /// The network and the samples, the same on all ranks.
    ///
    /// - Throws: `Failure` 65 where the images or classes are not those of the network.
    public init(_ victim: Victim, samples: ImageSet, classes: Int, communicator: Communicator) throws {
        let network = victim.plan.network
        guard samples.shape == network.input else {
            throw Failure(
                .data,
                "the data set has images of \(samples.shape), the network takes \(network.input): evaluate on the data "
                    + "that it was trained on")
        }
        guard classes == network.classes else {
            throw Failure(
                .data,
                "the data set has \(classes) classes, the network \(network.classes): evaluate on the data that it was "
                    + "trained on")
        }
        self.victim = victim
        self.samples = samples
        self.communicator = communicator
        classifier = Classifier(victim.model, groupSize: Victim.groupSize)
        pixels = Buffer(Victim.groupSize * network.input.count)
        perturbed = Buffer(Victim.groupSize * network.input.count)
        labels = Buffer(Victim.groupSize)
        confidences = Buffer(victim.plan.outputs)
    }

    /// Refuses attacks that cannot be made, before any is run.
    ///
    /// - Throws: `Failure` 64 as ``AttackCatalogue/attack(_:on:)``.
    public func check(_ attacks: [AttackSpecification]) throws {
        for attack in attacks { _ = try AttackCatalogue.attack(attack, on: victim) }
    }

    /// Runs an attack on all samples. Collective: every rank of the communicator calls this.
    ///
    /// - Parameter progress: called on every rank after each of its groups, with its share done in 0...1.
    /// - Returns: the result on rank 0, nil elsewhere.
    public func run(
        _ specification: AttackSpecification, strengths: [Double], progress: (Double) -> Void = { _ in }
    ) throws -> AttackResult? {
        let attack = try communicator.agree { try AttackCatalogue.attack(specification, on: victim) }
        let strengths = attack.takesStrength ? strengths : [0]
        let groups = (samples.count + Victim.groupSize - 1) / Victim.groupSize
        let own = stride(from: communicator.rank, to: groups, by: communicator.worldSize)
        let records = try communicator.agree {
            var records: [SampleRecord] = []
            for group in own {
                try evaluate(group, attack, strengths, into: &records)
                progress(Double(group + 1) / Double(groups))
            }
            return records
        }
        guard let gathered = try communicator.gather(records) else { return nil }
        return AttackResult(
            specification: specification, isNonsense: attack.isNonsense, strengths: strengths,
            settings: attack.settings,
            records: arrange(gathered, groups: groups, strengths: strengths.count))
    }

    /// The outputs z of all clean samples, [samples, outputs], on rank 0. Collective.
    public func cleanOutputs() throws -> [Float]? {
        let groups = (samples.count + Victim.groupSize - 1) / Victim.groupSize
        let outputs = try communicator.agree {
            var outputs: [Float] = []
            for group in stride(from: communicator.rank, to: groups, by: communicator.worldSize) {
                let range = self.range(ofGroup: group)
                load(range)
                let z = try classify(pixels.pointer, count: range.count)
                outputs += UnsafeBufferPointer(start: z, count: range.count * victim.plan.outputs)
            }
            return outputs
        }
        guard let gathered = try communicator.gather(outputs) else { return nil }
        return (0..<groups).flatMap { group in
            let full = Victim.groupSize * victim.plan.outputs
            let start = group / communicator.worldSize * full
            return gathered[group % communicator.worldSize].dropFirst(start).prefix(full)
        }
    }

    private func range(ofGroup group: Int) -> Range<Int> {
        group * Victim.groupSize..<min((group + 1) * Victim.groupSize, samples.count)
    }

    private func load(_ range: Range<Int>) {
        victim.meanImage.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for slot in range {
                samples.fill(
                    slot, minus: mean, into: pixels.pointer + (slot - range.lowerBound) * samples.shape.count)
                labels.pointer[slot - range.lowerBound] = Int32(samples.labels[slot])
            }
        }
    }

    private func classify(_ images: UnsafePointer<Float>, count: Int) throws -> UnsafePointer<Float> {
        let z = try classifier.outputs(images: count) { $0.update(from: images, count: count * samples.shape.count) }
        guard sumOfSquares(z, count: count * victim.plan.outputs).isFinite else {
            throw Failure(
                .data, "the network's outputs are not finite numbers: its training ran away; use an earlier checkpoint")
        }
        return z
    }

    private func evaluate(
        _ index: Int, _ attack: any Attack, _ strengths: [Double], into records: inout [SampleRecord]
    ) throws {
        let range = range(ofGroup: index)
        let (size, outputs) = (samples.shape.count, victim.plan.outputs)
        load(range)
        try attack.begin(
            SampleGroup(
                count: range.count, indices: samples.indices[range], labels: labels.pointer, pixels: pixels.pointer))
        // The distance of nonsense is that from itself unperturbed.
        let origin = attack.isNonsense ? Buffer<Float>(range.count * size) : pixels
        if attack.isNonsense { try attack.perturb(strength: 0, into: origin.pointer) }
        for strength in strengths {
            try attack.perturb(strength: strength, into: perturbed.pointer)
            let z = try classify(perturbed.pointer, count: range.count)
            for sample in 0..<range.count {
                var record = victim.plan.judge(
                    z + sample * outputs, label: attack.isNonsense ? nil : Int(labels.pointer[sample]),
                    confidences: confidences.pointer)
                record.measure(origin.pointer + sample * size, perturbed.pointer + sample * size, count: size)
                records.append(record)
            }
        }
    }

    /// From [rank][own groups, strengths, samples of the group] to [strengths, samples].
    private func arrange(_ gathered: [[SampleRecord]], groups: Int, strengths: Int) -> [[SampleRecord]] {
        var arranged = [[SampleRecord]](repeating: [], count: strengths)
        var next = [Int](repeating: 0, count: gathered.count)
        for group in 0..<groups {
            let rank = group % gathered.count
            let count = range(ofGroup: group).count
            for strength in 0..<strengths {
                arranged[strength] += gathered[rank][next[rank]..<next[rank] + count]
                next[rank] += count
            }
        }
        return arranged
    }
}
