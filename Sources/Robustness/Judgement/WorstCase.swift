/// The worst that several attacks of one strength did to each sample.
public struct WorstCase: Sendable {
    /// The attacks, in order.
    public let attacks: [String]
    /// Of each sample the first of its worst records.
    public let records: [SampleRecord]

    /// Over the clean samples, where they were evaluated, and all attacks on images that have the strength and satisfy `isIn`.
    /// Nil where there is none.
    init?(_ results: EvaluationResults, strength: Double, isIn: (EvaluationPlan.Attack) -> Bool) {
        var attacks: [String] = []
        var worst: [SampleRecord] = []
        for (number, attack) in results.plan.attacks.enumerated() {
            let isClean = attack.specification.name == "clean"
            guard !attack.isNonsense, isClean || isIn(attack),
                let place = attack.strengths.firstIndex(where: { isClean || $0 == strength })
            else { continue }
            if !isClean { attacks.append(attack.specification.verbatim) }
            let records = results.records(number, strength: place)
            if worst.isEmpty {
                worst = records
                continue
            }
            for (sample, record) in records.enumerated() {
                let label = Int(results.subject.labels[sample])
                if record.severity(label: label) > worst[sample].severity(label: label) { worst[sample] = record }
            }
        }
        guard !attacks.isEmpty else { return nil }
        self.attacks = attacks
        records = worst
    }
}

extension EvaluationPlan.Attack {
    /// Whether it stays in the Linf ball of its strength and in the range of pixels: what a worst case over a ball counts.
    var staysInBall: Bool {
        let own = settings["norm"] == "linf" && settings["clipped"] == "yes"
        let parts = partNames.allSatisfy { settings["\($0)/norm"] == "linf" && settings["\($0)/clipped"] == "yes" }
        return partNames.isEmpty ? own : parts
    }
}
