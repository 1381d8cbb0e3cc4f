import Datasets
import Essentials
import MessagePassing

/// The time and memory of an evaluation, estimated by a measurement of seconds.
public struct EvaluationForecast: Sendable {
    /// An attack, the samples of its measurement, and the seconds that all samples take.
    public struct Attack: Sendable {
        /// The attack as it was asked for.
        public let name: String
        /// The samples that were timed.
        public let timed: Int
        /// The seconds of the whole attack on the ranks that measured.
        public let seconds: Double
    }

    /// The attacks, in order.
    public let attacks: [Attack]
    /// The samples of the evaluation.
    public let samples: Int
    /// The most memory that a rank held, in bytes.
    public let memory: Double
    /// The bytes of the records, before they are compressed.
    public let bytes: Int

    /// The seconds of all attacks.
    public var seconds: Double { attacks.reduce(0) { $0 + $1.seconds } }
}

extension EvaluationJob {
    /// Times each attack on some of the samples. Collective: every rank of the communicator calls this. Nothing is
    /// written.
    ///
    /// - Parameter budget: seconds after which an attack has been timed long enough.
    /// - Throws: as `run(into:progress:)`, 75 where a signal asked to stop.
    public func forecast(seconds budget: Double = 2) throws -> EvaluationForecast {
        let attacks = try plan.attacks.map { attack in
            try time(attack.specification, budget: budget)
        }
        let peak = try communicator.allReduce(Double(HostMemory.peak), .max)
        // Prediction, confidence, outcome and three norms of each sample and strength; the outputs; the images.
        let cells = plan.attacks.reduce(0) { $0 + $1.layers * $1.strengths.count }
        let images = plan.imageShape.map { $0.count * 4 * cells } ?? 0
        let bytes = plan.samples * (19 * cells + 4 * plan.outputs + images)
        return EvaluationForecast(attacks: attacks, samples: plan.samples, memory: peak, bytes: bytes)
    }

    private func time(_ attack: AttackSpecification, budget: Double) throws -> EvaluationForecast.Attack {
        let ranks = communicator.worldSize
        var count = min(plan.samples, 16 * ranks)
        while true {
            let kept = Set(samples.indices.prefix(count).map(Int.init))
            let few = samples.filter(kept.contains)
            let timed = try communicator.agree { try self.makeEvaluator([attack], few) }
            let start = ContinuousClock.now
            try timed.run(done: []) { _ in }
            let taken = try communicator.allReduce(seconds(since: start), .max)
            guard count < plan.samples, taken < budget else {
                return EvaluationForecast.Attack(
                    name: attack.verbatim, timed: count, seconds: taken * Double(plan.samples) / Double(max(1, count)))
            }
            // Whole groups, as the attack works on them in the end.
            let wanted = Double(count) * min(20, 1.3 * budget / max(1e-3, taken))
            let group = TargetModel.groupSize * ranks
            count = min(plan.samples, (Int(wanted) + group - 1) / group * group)
        }
    }
}
