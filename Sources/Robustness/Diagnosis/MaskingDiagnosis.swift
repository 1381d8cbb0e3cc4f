import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks

/// Computes the masking verdict (Athalye et al. 2018; Carlini et al. 2019) on some samples: a small evaluation by
/// attacks of all kinds, and a look at gradients and losses about each sample.
public enum MaskingDiagnosis {
    /// The most samples that are diagnosed.
    public static let mostSamples = 256

    /// 7 steps of 128 pairs and a look: 1,799 queries.
    private static let (blackBox, gradients, steps) = (
        ["square:queries=1000", "spsa:steps=7", "noise-uniform:draws=20:clipped=yes"],
        ["fgsm", "pgd:steps=40", "pgd:steps=80", "apgd-ce"],
        40
    )
    /// Without a bound a random start would be noise all over, which breaks any network without a gradient's help: from
    /// the sample.
    private static let unboundedAttack = "pgd:steps=100:step=0.1:start=sample"
    /// The attacks that are run twice, in chunks of another size the second time.
    private static let repeated = ["fgsm", "pgd:steps=40"]

    /// Diagnoses a network on the first ``mostSamples`` of some samples of `classes` classes, at the radius `strength`,
    /// a fraction of the pixel range in [0, 1]. Collective: every rank of the communicator calls this.
    ///
    /// - Returns: the diagnosis on rank 0, nil elsewhere.
    public static func run(
        _ target: TargetModel, samples: ImageSet, classes: Int, strength: Double, communicator: Communicator
    ) throws -> Diagnosis? {
        let samples = samples.prefix(mostSamples)
        func evaluate(_ attacks: [String], _ strengths: [Double], chunk: Int = 32) throws -> EvaluationResults? {
            let evaluator = try communicator.agree {
                try Evaluator(
                    AttackContext(target), try attacks.map { try AttackSpecification($0) }, strengths: strengths,
                    samples: samples, classes: classes, chunk: chunk, communicator: communicator)
            }
            let subject = EvaluationSubject(
                checkpoint: "", checkpointDigest: "", checkpointStep: 0, dataset: "", split: "", seed: target.seed,
                samples: samples, classes: classes)
            var results = communicator.rank == 0 ? EvaluationResults(subject, evaluator.plan) : nil
            try evaluator.run(done: []) { results?.insert($0) }
            return results
        }
        let oneStep = ["fgs-lmax", "fgs-lmax:gradient-mode=batch"]
        let main = try evaluate(["clean"] + gradients + oneStep + blackBox, [strength])
        let nest = try evaluate(["pgd:steps=40"], [0.5, 1, 1.5, 2].map { min(1, $0 * strength) })
        let unbounded = try evaluate([unboundedAttack], [1])
        let again = try evaluate(repeated, [strength], chunk: 20)
        let looks = try LocalLook.run(
            target, samples: samples, strength: strength, steps: steps, communicator: communicator)
        guard let main, let nest, let unbounded, let again, let looks else { return nil }
        var figures = figures(main: main, nest: nest, unbounded: unbounded, again: again)
        figures.merge(looks) { $1 }
        let right = main.plan.samples - broken(main, "clean").count { $0 }
        return Diagnosis(strength: strength, samples: samples.count, right: right, figures: figures)
    }

    /// The samples that an attack breaks at one of its strengths.
    private static func broken(_ results: EvaluationResults, _ attack: String, _ strength: Int = 0) -> [Bool] {
        guard let number = results.plan.attacks.firstIndex(where: { $0.specification.verbatim == attack }) else {
            preconditionFailure("\(attack) was not run")
        }
        return zip(results.records(number, strength: strength), results.subject.labels).map {
            $0.severity(label: Int($1)) > 0
        }
    }

    /// The figures that follow from the records of attacks.
    private static func figures(
        main: EvaluationResults, nest: EvaluationResults, unbounded: EvaluationResults, again: EvaluationResults
    ) -> [MaskingFlag: Double] {
        let white = gradients.map { broken(main, $0) }
        let errors = MaskingErrors(
            white: white, black: blackBox.map { broken(main, $0) }, oneStep: broken(main, "fgsm"),
            manySteps: white.dropFirst().reduce(white[1]) { zip($0, $1).map { $0 || $1 } },
            lmax: broken(main, "fgs-lmax"), lmaxBatch: broken(main, "fgs-lmax:gradient-mode=batch"),
            nest: nest.plan.attacks[0].strengths.indices.map { broken(nest, "pgd:steps=40", $0) },
            unbounded: broken(unbounded, unboundedAttack), classes: main.subject.classes,
            few: white[1], twice: white[2])
        var figures = errors.figures
        figures[.notRepeatable] = shareDiffering(main, again, attacks: repeated)
        return figures
    }

    /// The share of samples whose records of the first strength differ in any bit between two evaluations of the same
    /// samples, under any of some attacks that both hold.
    package static func shareDiffering(
        _ main: EvaluationResults, _ again: EvaluationResults, attacks: [String]
    ) -> Double {
        let differing = attacks.flatMap { attack -> [Int] in
            guard let first = main.plan.attacks.firstIndex(where: { $0.specification.verbatim == attack }),
                let second = again.plan.attacks.firstIndex(where: { $0.specification.verbatim == attack })
            else { preconditionFailure("\(attack) was not run twice") }
            let (one, other) = (main.records(first, strength: 0), again.records(second, strength: 0))
            return one.indices.filter { one[$0] != other[$0] }
        }
        return Double(Set(differing).count) / Double(max(1, main.plan.samples))
    }
}

/// Which samples each kind of attack breaks, and the flags' figures that follow.
package struct MaskingErrors {
    /// By the attacks with gradients, and by those without.
    package var white, black: [[Bool]]
    /// By one clipped step, and by any iterated attack of the same radius.
    package var oneStep, manySteps: [Bool]
    /// By FGS-lmax with gradients in evaluation mode, and in batch mode.
    package var lmax, lmaxBatch: [Bool]
    /// By PGD at growing radii.
    package var nest: [[Bool]]
    /// By PGD without a bound.
    package var unbounded: [Bool]
    package var classes: Int
    /// By PGD of N steps, and of 2 N.
    package var few, twice: [Bool]

    package init(
        white: [[Bool]], black: [[Bool]], oneStep: [Bool], manySteps: [Bool], lmax: [Bool], lmaxBatch: [Bool],
        nest: [[Bool]], unbounded: [Bool], classes: Int, few: [Bool], twice: [Bool]
    ) {
        self.white = white
        self.black = black
        self.oneStep = oneStep
        self.manySteps = manySteps
        self.lmax = lmax
        self.lmaxBatch = lmaxBatch
        self.nest = nest
        self.unbounded = unbounded
        self.classes = classes
        self.few = few
        self.twice = twice
    }

    package var figures: [MaskingFlag: Double] {
        func share(_ samples: [Bool]) -> Double { Double(samples.count { $0 }) / Double(max(1, samples.count)) }
        func any(_ lists: [[Bool]]) -> [Bool] {
            lists.dropFirst().reduce(lists.first ?? []) { zip($0, $1).map { $0 || $1 } }
        }
        func without(_ a: [Bool], _ b: [Bool]) -> [Bool] { zip(a, b).map { $0 && !$1 } }
        let falls = zip(nest, nest.dropFirst()).map { share($0) - share($1) }
        return [
            .blackBoxBeatsWhiteBox: share(without(any(black), any(white))),
            .oneStepBeatsMany: share(without(oneStep, manySteps)),
            .oneStepOverstates: share(manySteps) - max(share(oneStep), share(lmax)),
            .notMonotone: max(0, falls.max() ?? 0),
            .unboundedFails: 1 - share(unbounded) - 1 / Double(classes),
            .notConverged: share(twice) - share(few),
            .modeMismatch: abs(share(lmax) - share(lmaxBatch)),
        ]
    }
}
