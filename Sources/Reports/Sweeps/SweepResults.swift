import Datasets
import Essentials
import Foundation
import Recipes
import Robustness

/// The result of a run of a sweep.
struct SweepResult {
    /// The state of a run.
    enum State: String {
        /// Trained and evaluated.
        case finished
        /// Trained until a round of halving, where others were better.
        case halved
        /// Ended by an error.
        case failed
        /// Not done yet.
        case missing
    }

    let run: SweepRun
    fileprivate(set) var state: State
    /// The epoch with the least validation error, counted from 1, and its last step; without validation the last one.
    let epoch, step: Int?
    /// The validation errors of that epoch.
    let validation, validationAttacked: Double?
    /// The rows of the evaluation.
    let rows: [SummaryRow]
    /// The seconds of its training's steps.
    let seconds: Double
    /// The validation error that decides, of each epoch, counted from 1.
    private let judged: [(epoch: Int, error: Double)]

    init(_ run: SweepRun, in directory: SweepDirectory) throws {
        self.run = run
        var metrics = RunMetrics(run: directory.path(of: run), steps: true)
        try metrics.readOn()
        seconds = metrics.trainingSeconds
        func deciding(_ epoch: RunMetrics.Epoch) -> Double? { epoch.attacked ?? epoch.validation }
        judged = metrics.epochs.compactMap { epoch in deciding(epoch).map { (epoch.epoch + 1, $0) } }
        let best =
            metrics.epochs.filter { deciding($0) != nil }
            .min { deciding($0) ?? .infinity < deciding($1) ?? .infinity } ?? metrics.epochs.last
        (epoch, step) = (best.map { $0.epoch + 1 }, best?.step)
        (validation, validationAttacked) = (best?.validation, best?.attacked)
        if directory.failure(of: run) != nil {
            (state, rows) = (.failed, [])
        } else if directory.isEvaluated(run) {
            var summary = SummaryFile()
            try summary.add(contentsOf: "\(directory.evaluation(of: run))/\(SummaryRow.file)")
            (state, rows) = (.finished, summary.rows)
        } else {
            (state, rows) = (.missing, [])
        }
    }

    /// The validation error that decides which network is best.
    var deciding: Double? { validationAttacked ?? validation }

    /// The least of those up to an epoch, which halving goes by; nil where the run has not come so far.
    func deciding(upTo epoch: Int) -> Double? {
        guard judged.contains(where: { $0.epoch == epoch }) else { return nil }
        return judged.filter { $0.epoch <= epoch }.map(\.error).min()
    }

    /// The error on clean images.
    var clean: Double? { rows.first { attackKind($0.attack) == .clean }?.error }

    /// The error under the attack and strength that break the most, of attacks that want images misread.
    var attacked: Double? {
        let kinds: [AttackKind] = [.gradient, .blackBox, .suite, .transfer]
        return rows.filter { row in row.strength > 0 && attackKind(row.attack).map(kinds.contains) ?? false }
            .map(\.error).max()
    }
}

/// The runs of a configuration, which differ in the seed.
struct SweepConfiguration {
    let results: [SweepResult]

    var number: Int { results[0].run.configuration }
    var isFinished: Bool { results.allSatisfy { $0.state == .finished } }

    /// The figure of each run that has it; nil where none does.
    func measured(_ figure: (SweepResult) -> Double?) -> Measurement? {
        let errors = results.compactMap(figure)
        return errors.isEmpty ? nil : Measurement(errors: errors, rejected: 0, samples: 0)
    }
}

/// The results of a sweep's runs: tables, the front, the best configuration. The order in which runs were done does not
/// show.
public struct SweepResults {
    let directory: SweepDirectory
    let results: [SweepResult]
    let configurations: [SweepConfiguration]

    /// Reads what there is of each run. Local.
    ///
    /// - Throws: `Failure` 74 where files cannot be read, 65 where an evaluation is damaged.
    public init(_ directory: SweepDirectory) throws {
        self.directory = directory
        var results = try directory.runs.map { try SweepResult($0, in: directory) }
        var last = Set(directory.runs.map(\.configuration))
        let rounds = directory.rounds
        for (before, round) in zip(rounds, rounds.dropFirst()) {
            last = Self.survivors(
                Self.grouped(results), of: last, keep: round.configurations, after: before.epochs)
        }
        // One that is between two rounds has ended, too.
        for index in results.indices where results[index].state == .missing {
            let run = results[index].run
            guard !last.contains(run.configuration), try directory.endedStep(of: run) != nil else { continue }
            results[index].state = .halved
        }
        self.results = results
        configurations = Self.grouped(results)
    }

    private static func grouped(_ results: [SweepResult]) -> [SweepConfiguration] {
        Dictionary(grouping: results) { $0.run.configuration }.sorted { $0.key < $1.key }
            .map { SweepConfiguration(results: $0.value) }
    }

    /// The runs that are not done.
    public var missing: [SweepRun] { results.filter { $0.state == .missing }.map(\.run) }

    /// The runs that failed, with their sentences.
    public var failures: [(run: SweepRun, sentence: String)] {
        results.filter { $0.state == .failed }.map { ($0.run, directory.failure(of: $0.run) ?? "") }
    }

    /// The configurations that are left after a round of halving, of `configurations`: those with the least validation
    /// error up to the round's last epoch, the mean over seeds; of equal ones those of lower number. One with a run
    /// that has not come so far, since it failed, is left out. What runs did later does not show: all jobs that work in
    /// the directory decide the same, whenever they do. An exception is a run that had failed and comes so far between
    /// two decisions, as its task tries it again: more configurations may go on then than the round keeps.
    public func survivors(of configurations: Set<Int>, keep: Int, after epoch: Int) -> Set<Int> {
        Self.survivors(self.configurations, of: configurations, keep: keep, after: epoch)
    }

    private static func survivors(
        _ all: [SweepConfiguration], of configurations: Set<Int>, keep: Int, after epoch: Int
    ) -> Set<Int> {
        let judged = all.filter { configurations.contains($0.number) }.compactMap { own in
            own.results.contains { $0.deciding(upTo: epoch) == nil }
                ? nil : own.measured { $0.deciding(upTo: epoch) }.map { (own.number, $0.mean) }
        }
        return Set(judged.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(keep).map(\.0))
    }

    // MARK: Choice

    /// The error by which the best configuration is chosen.
    struct Criterion {
        let title: String
        let error: (SweepResult) -> Double?
    }

    /// The split that is evaluated.
    public static func split(_ sweep: Sweep, _ runs: [SweepRun]) -> String {
        sweep.evaluation.split
            ?? (runs.allSatisfy { $0.recipe.validation > 0 } ? Split.validation.rawValue : Split.test.rawValue)
    }

    /// True where all runs are of one data set: errors of several are not compared.
    private var isOfOneDataset: Bool { Set(directory.runs.map(\.recipe.dataset)).count == 1 }

    /// Nil where nothing may choose: the test split never does.
    var criterion: Criterion? {
        guard isOfOneDataset else { return nil }
        if Self.split(directory.sweep, directory.runs) == Split.validation.rawValue {
            if results.contains(where: { $0.attacked != nil }) {
                return Criterion(title: "the error of the validation images under attack", error: \.attacked)
            }
            if results.contains(where: { $0.clean != nil }) {
                return Criterion(title: "the error of the clean validation images", error: \.clean)
            }
        }
        guard results.contains(where: { $0.deciding != nil }) else { return nil }
        return Criterion(title: "the validation error of the training", error: \.deciding)
    }

    /// The configuration of the least error, the mean over seeds; of equal ones that of the least validation error in
    /// the training, then that of the lowest number.
    var best: SweepConfiguration? {
        guard let criterion else { return nil }
        return configurations.filter(\.isFinished).compactMap { own in
            own.measured(criterion.error).map { (own, $0.mean, own.measured(\.deciding)?.mean ?? .infinity) }
        }.min { ($0.1, $0.2) < ($1.1, $1.2) }?.0
    }

    /// The configurations that no other one betters in one of the errors, clean and attacked, without being worse in
    /// the other; by their number.
    var front: [SweepConfiguration] {
        guard isOfOneDataset else { return [] }
        let points = configurations.compactMap { own -> (own: SweepConfiguration, clean: Double, attacked: Double)? in
            guard own.isFinished, let clean = own.measured(\.clean), let attacked = own.measured(\.attacked) else {
                return nil
            }
            return (own, clean.mean, attacked.mean)
        }
        return points.filter { point in
            !points.contains {
                $0.clean <= point.clean && $0.attacked <= point.attacked
                    && ($0.clean < point.clean || $0.attacked < point.attacked)
            }
        }.map(\.own)
    }

    /// The sentences below the table: what chose, what is best, how to go on.
    public var notes: [String] {
        guard isOfOneDataset else { return ["The runs are of several data sets: no best one, no front."] }
        guard let criterion else {
            return ["No best one: nothing but the test split was looked at, which never chooses; set validation."]
        }
        guard let best, let error = best.measured(criterion.error) else { return ["No configuration is done whole."] }
        let run = best.results[0].run
        return [
            "Best by \(criterion.title), the mean over seeds: \(label(best)), \(decimal(error.mean)).",
            "Its recipe: \(directory.path)/best.yaml. What the test images say of it:",
            "steadfast evaluate "
                + "\(directory.path(of: run).shellWord)\(run.recipe.validation > 0 ? " --best" : "") --output OUTPUT",
        ]
    }

    /// `002: learning_rate 0.003`.
    func label(_ configuration: SweepConfiguration) -> String {
        let run = configuration.results[0].run
        let values = zip(directory.sweep.keys, run.values).map { "\($0) \($1)" }.joined(separator: ", ")
        let number = run.path.prefix { $0 != "-" && $0 != "/" }
        return values.isEmpty ? "\(number)" : "\(number): \(values)"
    }

    // MARK: Files

    /// Writes `sweep.csv` (keys and errors), `times.csv`, `table.txt` and `best.yaml`. Local: one rank calls this.
    ///
    /// - Throws: `Failure` 73 or 74 where they cannot be written.
    public func write() throws {
        try AtomicFile.write(csv, to: directory.path + "/sweep.csv")
        let times = results.map { "\($0.run.path),\(fixed($0.seconds, 3))" }
        try AtomicFile.write(lines: ["run,training_seconds"] + times, to: directory.path + "/times.csv")
        try AtomicFile.write(lines: [text] + notes, to: directory.path + "/table.txt")
        guard let best else { return }
        try AtomicFile.write(best.results[0].run.recipe.yaml, to: directory.path + "/best.yaml")
    }

    /// The errors of all runs by key: the same text whatever the order of the runs.
    var csv: String {
        struct Attack: Hashable { let name: String, strength: Double }
        let attacks = results.flatMap(\.rows).filter { attackKind($0.attack) != .clean }
            .map { Attack(name: $0.attack, strength: $0.strength) }.uniqued
        let columns =
            ["run"] + directory.sweep.keys
            + ["seed", "state", "step", "epoch", "validation", "validation_attacked", "clean", "attacked", "certified"]
            + attacks.map { "\($0.name) at \(plainDecimal($0.strength))" }
        func text(_ error: Double?) -> String { error.map { fixed($0, 6) } ?? "" }
        let lines = results.map { result -> String in
            let numbers = [result.step, result.epoch].map { $0.map(String.init) ?? "" }
            let errors = [result.validation, result.validationAttacked, result.clean, result.attacked, nil].map(text)
            let rows = attacks.map { attack in
                text(result.rows.first { $0.attack == attack.name && $0.strength == attack.strength }?.error)
            }
            return CSVText.fields(
                of: [result.run.path] + result.run.values + ["\(result.run.recipe.seed)", result.state.rawValue]
                    + numbers + errors + rows)
        }
        return ([CSVText.fields(of: columns)] + lines).joined(separator: "\n") + "\n"
    }

    /// The configurations as a person reads them: a line each.
    public var text: String {
        let keys = directory.sweep.keys
        let heading =
            [""] + keys
            + ["runs", "validation", "attacked", "clean", "worst attack", "seconds"]
        let front = Set(front.map(\.number))
        let best = best?.number
        let rows = configurations.map { own -> [String] in
            let run = own.results[0].run
            func cell(_ figure: (SweepResult) -> Double?) -> String {
                guard let measured = own.measured(figure) else { return "" }
                let (low, high) = (measured.range.lowerBound, measured.range.upperBound)
                return decimal(measured.mean) + (low < high ? " (\(decimal(low))-\(decimal(high)))" : "")
            }
            let mark = (own.number == best ? "best " : "") + (front.contains(own.number) ? "front" : "")
            return [String(run.path.prefix { $0 != "-" && $0 != "/" })] + run.values
                + [
                    states(own), cell(\.validation), cell(\.validationAttacked), cell(\.clean), cell(\.attacked),
                    fixed(own.results.reduce(0) { $0 + $1.seconds }, 1), mark,
                ]
        }
        return textTable([heading + [""]] + rows, words: 1).joined(separator: "\n")
    }

    /// `3`, or `2 of 3, failed 1`.
    private func states(_ configuration: SweepConfiguration) -> String {
        let all = configuration.results.count
        let others = [SweepResult.State.halved, .failed, .missing].compactMap { state -> String? in
            let count = configuration.results.count { $0.state == state }
            return count == 0 ? nil : "\(count) \(state.rawValue)"
        }
        return others.isEmpty ? "\(all)" : others.joined(separator: ", ") + " of \(all)"
    }
}
