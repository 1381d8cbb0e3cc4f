import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks

/// Evaluates one network on all ranks: chunks of samples are dealt to ranks as they come free, each record is made by
/// one rank, and rank 0 gets them all. The records depend neither on the ranks nor on the chunks (invariant 3).
public final class Evaluator {
    /// The attacks and their strengths.
    public let plan: EvaluationPlan

    private let target: TargetModel
    private let samples: ImageSet
    private let communicator: Communicator
    private let suites: [AttackSuite]
    private let chunk: Int?
    private let groups: SampleGroups
    private let attack: GroupAttack

    /// Makes the attacks and deals the work.
    ///
    /// - Parameters:
    ///   - context: the network, and others for attacks that are made on them.
    ///   - attacks: in the order of the results.
    ///   - strengths: fractions of the pixel range in [0, 1], of which each attack takes those that mean something to
    ///     it.
    ///   - samples: the same on all ranks.
    ///   - classes: the number of classes of the data.
    ///   - chunk: the most samples of a task, nil for a fitting number; more than ``TargetModel/groupSize`` are
    ///     attacked group by group, and attacks on whole groups take a multiple of it.
    ///   - keepsImages: whether the records hold the perturbed images.
    ///   - communicator: the ranks that share the work.
    /// - Throws: `Failure` 65 where the images or classes are not those of the network; 64 as
    ///   ``AttackCatalogue/attack(_:_:)``.
    public init(
        _ context: AttackContext, _ attacks: [AttackSpecification], strengths: [Double], samples: ImageSet,
        classes: Int, chunk: Int? = nil, keepsImages: Bool = false, communicator: Communicator
    ) throws {
        target = context.target
        let network = target.plan.network
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
        let suites = try attacks.map { try AttackCatalogue.attack($0, context) }
        self.suites = suites
        self.samples = samples
        self.communicator = communicator
        plan = EvaluationPlan(
            attacks: zip(attacks, suites).map { specification, suite in
                EvaluationPlan.Attack(
                    specification: specification, isNonsense: suite.isNonsense, staysInBall: suite.staysInBall,
                    partNames: suite.partNames, strengths: suite.strengths(strengths), settings: suite.settings,
                    warnings: suite.warnings(strengths))
            }, samples: samples.count, outputs: target.plan.outputs,
            imageShape: keepsImages ? network.input : nil)
        self.chunk = chunk
        groups = SampleGroups(samples, for: target)
        attack = GroupAttack(target)
    }

    /// Attacks all samples but those that are done already. Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - done: on rank 0, the samples of each attack that need no work.
    ///   - deliver: takes each chunk's records, on rank 0, in no fixed order.
    /// - Throws: `Failure` 75 where a signal asked any rank to stop: what was delivered stands, the chunks in flight
    ///   are lost.
    public func run(done: [IndexRanges], deliver: @escaping (ChunkRecords) throws -> Void) throws {
        let left = communicator.rank == 0 ? tasks(without: done) : []
        try communicator.schedule(left.map(\.code)) { task, poll in
            // A long attack lets other ranks ask for work, and a signal stop it, between any two of its queries.
            target.onQuery = {
                try poll()
                if StopRequest.requested {
                    throw Failure(.stopped, "stopped by a signal; what is done is kept: go on with --resume")
                }
            }
            defer { target.onQuery = nil }
            return try evaluate(EvaluationTask(code: task))
        } deliver: { [plan] result in
            try deliver(try ChunkRecords(EvaluationTask(code: result.task), plan, bytes: result.bytes))
        }
    }

    private func tasks(without done: [IndexRanges]) -> [EvaluationTask] {
        plan.attacks.indices.flatMap { attack in
            let chunking = Chunking(
                size: chunk,
                unit: suites[attack].needsWholeGroups ? TargetModel.groupSize : chunk == nil ? Chunking.rows : 1,
                ranks: communicator.worldSize)
            let left = (done.isEmpty ? IndexRanges() : done[attack]).gaps(in: 0..<samples.count)
            return chunking.cut(left).map { EvaluationTask(attack: attack, samples: $0) }
        }
    }

    private func evaluate(_ task: EvaluationTask) throws -> [UInt8] {
        var records = ChunkRecords(task, plan)
        try groups.forEach(in: task.samples) { start, group in
            try evaluate(group, at: start, suites[task.attack], into: &records)
        }
        return records.bytes
    }

    /// Attacks one group, whose first sample has the place `start`, and notes its records.
    private func evaluate(
        _ group: SampleGroup, at start: Int, _ suite: AttackSuite, into records: inout ChunkRecords
    ) throws {
        let outputs = target.plan.outputs
        try attack.run(suite, on: group, strengths: records.strengths) { judged in
            guard sumOfSquares(judged.z, count: outputs).isFinite else {
                throw Failure(
                    .data,
                    "the network's outputs are not finite numbers: its training ran away; use an earlier checkpoint")
            }
            let sample = start + judged.row
            records.add(
                judged.record, strength: judged.strength, sample: sample,
                label: suite.isNonsense ? nil : group.label(judged.row), image: judged.image,
                meanImage: target.meanImage)
            records.addOutputs(judged.z, sample: sample)
        }
    }
}
