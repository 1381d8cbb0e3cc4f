/// The worst record of each sample under several attacks of one strength.
public struct WorstCase: Sendable {
    /// The attacks, in order.
    public let attacks: [String]
    /// Of each sample the first of its worst records; a right answer that is rejected is worse than one that is
    /// accepted.
    public let records: [SampleRecord]
    /// The attack that breaks the most samples alone, the first of them in case of a tie.
    public let strongest: String
    /// The share that it breaks.
    public let strongestError: Double

    /// Over the clean samples, where they were evaluated, and all attacks on images that have the strength and satisfy
    /// `isIn`. Nil where there is none.
    init?(_ results: EvaluationResults, strength: Double, isIn: (EvaluationPlan.Attack) -> Bool) {
        var attacks: [String] = []
        var worst: [SampleRecord] = []
        var strongest = (name: "", broken: -1)
        func rank(_ record: SampleRecord, _ label: Int) -> Int {
            2 * record.severity(label: label) + (record.outcome == Outcome.rejected.rawValue ? 1 : 0)
        }
        for (number, attack) in results.plan.attacks.enumerated() {
            let isClean = attack.isClean
            guard !attack.isNonsense, isClean || isIn(attack),
                let place = attack.strengths.firstIndex(where: { isClean || $0 == strength })
            else { continue }
            let records = results.records(number, strength: place)
            if !isClean {
                attacks.append(attack.specification.verbatim)
                let broken = zip(records, results.subject.labels).count { $0.severity(label: Int($1)) > 0 }
                if broken > strongest.broken { strongest = (attack.specification.verbatim, broken) }
            }
            if worst.isEmpty {
                worst = records
                continue
            }
            for (sample, record) in records.enumerated() {
                let label = Int(results.subject.labels[sample])
                if rank(record, label) > rank(worst[sample], label) { worst[sample] = record }
            }
        }
        guard !attacks.isEmpty else { return nil }
        self.attacks = attacks
        records = worst
        self.strongest = strongest.name
        strongestError = Double(strongest.broken) / Double(max(1, worst.count))
    }
}
