import ArgumentParser
import Benchmarks
import Datasets
import Essentials
import Foundation
import MessagePassing
import Recipes
import Reports
import Robustness
import Training

/// `steadfast sweep`.
struct SweepCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Train a recipe with several values of its keys, and compare, alone or under mpirun.",
        discussion: """
            The runs are those of a grid, or drawn at random; halving ends the worse ones early. Ranks are dealt to \
            several runs where there are more than one takes. Each run's best network is evaluated; then DIR gets \
            sweep.csv, times.csv, table.txt, best.yaml and report/. The same command again goes on where it was \
            stopped and computes nothing twice; several jobs may work in one directory, which all hosts have to see.
            """)

    @Argument(
        help: "A recipe, as of `train`; its section sweep may name the values. Or the directory of a sweep.",
        completion: .recipes)
    var recipe: String

    @Option(
        name: .customLong("runs"), help: "The directory for all of it; it is made if absent.", completion: .directory)
    var directory: String?

    @Option(
        name: .customLong("sweep"), parsing: .singleValue,
        help: "The values of a key: learning_rate=0.001,0.01, seed=1..3, weight_decay=log:1e-5..1e-3. Repeatable.",
        completion: .assignments)
    var sweeps: [String] = []

    @Option(help: "grid (default), random:runs=20:seed=1, or halving:epochs=2:factor=3, which may draw too (runs=20).")
    var search: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "Override a value of the recipe in all runs, as `train` does. Repeatable.", completion: .assignments)
    var overrides: [String] = []

    @OptionGroup var attacking: AttackChoice

    @Option(
        help: "The images that are evaluated: validation, test or train. Default: validation, test without one.",
        completion: .splits)
    var split: String?

    @Option(help: ArgumentHelp("The most ranks of a run. Default: its lanes.", valueName: "N"))
    var ranks: Int?

    @Option(
        help: ArgumentHelp(
            "Do the K-th run alone; with K/M each M-th run from the K-th on: the tasks of an array of jobs. In "
                + "halving, which compares runs: those first.",
            valueName: "K[/M]"))
    var task: String?

    @OptionGroup var location: DataLocation

    @Flag(help: "Print the runs, with --task the task's own, and train nothing.")
    var list = false

    @OptionGroup var options: JobOptions

    func run() throws {
        if list {
            guard Communicator.launchedRank == 0 else { return }
            let sweep = try wanted()
            let runs = try sweep.runs()
            try check(runs, sweep)
            let task = try arrayTask(runs)
            let own = task.map { runs.filter($0.owns) } ?? runs
            return print(own.map { "\($0.number)  \($0.path)" }.joined(separator: "\n"))
        }
        Self.onAllRanks { try run($0) }
    }

    /// Trains, evaluates and compares, on all ranks of a communicator; collective.
    func run(_ world: Communicator) throws {
        try StopRequest.install()
        let text = try world.broadcast(try world.agree { world.rank == 0 ? try wanted().yaml : "" })
        let (sweep, runs) = try world.agree { () throws -> (Sweep, [SweepRun]) in
            let sweep = try Sweep(yaml: text, source: isSweep ? SweepDirectory.file(in: recipe) : recipe)
            return (sweep, try sweep.runs())
        }
        let chosen = try world.agree { () throws -> [SweepRun] in
            let chosen = try self.chosen(of: runs, sweep)
            try check(runs, sweep)
            return chosen
        }
        let directory = SweepDirectory(try world.agree { try path() }, sweep, runs: runs)
        if options.dryRun {
            try world.agree { if world.rank == 0 { try directory.check() } }
            let task = try world.agree { try arrayTask(runs) }
            return try forecast(task.map { chosen.filter($0.owns) } ?? chosen, directory, world)
        }
        try world.agree { if world.rank == 0 { try directory.open() } }
        let team = try SweepTeam(world, most: mostRanks(runs), runs: chosen.count)
        tell("\(runs.count) runs in \(directory.path), \(team)", world)
        guard try work(chosen, directory, team, world) else { return }
        try world.agree { if world.rank == 0 { try finish(directory) } }
    }

    // MARK: What is asked for

    private var isSweep: Bool { directory == nil && FileManager.default.isDirectory(recipe) }

    private func path() throws -> String {
        if isSweep { return recipe }
        guard let directory else { throw Failure(.usage, "--runs is missing: the directory for the runs") }
        return directory
    }

    private func wanted() throws -> Sweep {
        if isSweep {
            guard sweeps.isEmpty, overrides.isEmpty, search == nil, attacking.attacks == nil,
                attacking.strengths == nil, attacking.samples == nil, split == nil
            else {
                throw Failure(
                    .usage, "\(recipe) holds a sweep, which is fixed: go on with it without options, or name a recipe")
            }
            return try SweepDirectory.sweep(in: recipe)
        }
        var evaluation = Sweep.Evaluation()
        (evaluation.attacks, evaluation.strengths) = (attacking.attacks, attacking.strengths)
        (evaluation.samples, evaluation.split) = (attacking.samples, split)
        return try Sweep(recipe, overrides: overrides, sweeps: sweeps, search: search, evaluation: evaluation)
    }

    /// Refuses what would be refused of any run or evaluation, before the first one begins.
    private func check(_ runs: [SweepRun], _ sweep: Sweep) throws {
        guard ranks ?? 1 >= 1 else { throw Failure(.usage, "--ranks has to be at least 1") }
        let evaluation = sweep.evaluation
        if let attacks = evaluation.attacks {
            try AttackCatalogue.check(try AttackSpecification.list(attacks).map(\.verbatim))
        }
        _ = try evaluation.strengths.map(AttackSpecification.strengths)
        guard evaluation.samples ?? 1 >= 1 else { throw Failure(.usage, "--samples has to be at least 1") }
        if let split = evaluation.split {
            guard Split(rawValue: split) != nil else {
                throw Failure(.usage, unknownName("split", split, among: Split.allCases.map(\.rawValue)))
            }
            guard split != Split.validation.rawValue || runs.allSatisfy({ $0.recipe.validation > 0 }) else {
                throw Failure(
                    .usage, "there is no validation split to evaluate: set validation, as in validation: 1000")
            }
        }
        var known: [String: DatasetDescription] = [:]
        for run in runs {
            let recipe = located(run.recipe)
            do {
                let outlook = try TrainingOutlook(recipe, dataset: known[recipe.dataset])
                known[recipe.dataset] = outlook.dataset
            } catch let failure as Failure {
                throw Failure(failure.code, "run \(run.number) (\(run.path)): \(failure.message)")
            }
        }
    }

    private func located(_ recipe: Recipe) -> Recipe {
        var recipe = recipe
        if let dataDirectory = location.dataDirectory { recipe.dataDirectory = dataDirectory }
        return recipe
    }

    /// The runs to do, in order: those of `--task`, all without it. Halving compares runs: there a task begins with its
    /// own, and does those of others that no job is about, so that none waits for a job that has not begun.
    private func chosen(of runs: [SweepRun], _ sweep: Sweep) throws -> [SweepRun] {
        guard let task = try arrayTask(runs) else { return runs }
        let own = runs.filter(task.owns)
        return sweep.search.firstEpochs == nil ? own : own + runs.filter { !task.owns($0) }
    }

    /// The task that `--task` names; nil without it.
    private func arrayTask(_ runs: [SweepRun]) throws -> SweepTask? {
        guard let task else { return nil }
        let parts = task.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard (1...2).contains(parts.count), parts[0] >= 1, parts.count == 1 || parts[0] <= parts[1] else {
            throw Failure(.usage, "--task \(task): write K, the number of a run from 1, or K/M with K up to M")
        }
        guard parts[0] <= runs.count || parts.count == 2 else {
            throw Failure(.usage, "--task \(task): the sweep has \(runs.count) runs")
        }
        return SweepTask(place: parts[0], count: parts.count == 2 ? parts[1] : runs.count)
    }

    private func mostRanks(_ runs: [SweepRun]) -> Int {
        min(ranks ?? .max, runs.map(\.recipe.lanes).min() ?? 1)
    }

    private func tell(_ line: String, _ communicator: Communicator) {
        guard communicator.rank == 0, !options.quiet else { return }
        print(line)
        fflush(nil)
    }

    // MARK: The work

    /// Does what is to do of some runs, round by round; collective over all ranks.
    ///
    /// - Returns: false where the rest is left to other tasks.
    private func work(
        _ runs: [SweepRun], _ directory: SweepDirectory, _ team: SweepTeam, _ world: Communicator
    ) throws -> Bool {
        let task = try world.agree { try arrayTask(directory.runs) }
        var left = Set(runs.map(\.configuration))
        let seeds = directory.runs.count / max(1, Set(directory.runs.map(\.configuration)).count)
        let rounds = directory.rounds
        for (number, round) in rounds.enumerated() {
            if number > 0 {
                let flags = try world.agree { () throws -> [Int64] in
                    guard world.rank == 0 else { return [] }
                    return try SweepResults(directory).survivors(
                        of: left, keep: round.configurations, after: rounds[number - 1].epochs
                    ).sorted().map(Int64.init)
                }
                left = Set(try world.broadcast(flags).map(Int.init))
                tell("\(left.count) configurations go on to epoch \(round.epochs)", world)
            }
            let isLast = number == rounds.count - 1
            let own = runs.filter { left.contains($0.configuration) }
            // Of an array's tasks those wait for others' runs that may have some of the next round to do.
            let next = isLast ? own.count : rounds[number + 1].configurations * seeds
            let isNeeded = task.map { directory.sweep.search.firstEpochs == nil || $0.place <= next } ?? true
            var isDone = true
            let outcome = Result {
                isDone = try work(own, upTo: isLast ? nil : round.epochs, directory, team, task, waits: isNeeded)
            }
            // Of what one rank alone knows the others of its part would never hear.
            if case .failure(let error) = outcome, !(error is Agreed) { throw error }
            try world.agree { try outcome.get() }
            guard try world.allReduce(Int32(isDone ? 1 : 0), .min) == 1 else {
                tell("the rest is left to other tasks, which are about it", world)
                return false
            }
        }
        return true
    }

    /// Does a round of some runs; collective over the ranks of a part. What another job is about is done by that one: a
    /// job that has just been killed is waited for, and where runs are compared all that have one, if this job `waits`.
    ///
    /// - Returns: false where it does not wait, and others are about some of them.
    private func work(
        _ runs: [SweepRun], upTo epochs: Int?, _ directory: SweepDirectory, _ team: SweepTeam, _ task: SweepTask?,
        waits: Bool
    ) throws -> Bool {
        guard let part = team.part else { return true }
        var left = runs
        for patience in [0, directory.sweep.search.firstEpochs == nil ? 30 : 1e9] {
            guard patience == 0 || waits || left.isEmpty else { return false }
            var held: [SweepRun] = []
            for run in left {
                let notice = LockNotice()
                let lock = try part.agree {
                    part.rank == 0
                        ? try directory.claim(run, waitingUpTo: patience) { try notice($0) } : nil
                }
                defer { withExtendedLifetime(lock) {} }
                guard try part.broadcast(lock != nil) else {
                    held.append(run)
                    continue
                }
                // The task whose run it is tries it again.
                let isOthers = task.map { !$0.owns(run) } ?? false
                if try part.broadcast(part.rank == 0 && isOthers && directory.failure(of: run) != nil) { continue }
                try doOne(run, upTo: epochs, directory, part, team)
            }
            left = held
        }
        return true
    }

    /// Trains a run, and evaluates it where that is its last round. A failure is written down.
    private func doOne(
        _ run: SweepRun, upTo epochs: Int?, _ directory: SweepDirectory, _ part: Communicator, _ team: SweepTeam
    ) throws {
        let path = directory.path(of: run)
        do {
            let steps = try part.agree {
                try epochs.map { $0 * (try TrainingOutlook(located(run.recipe)).stepsPerEpoch) }
            }
            let hasEnded = try part.broadcast(
                try part.agree { part.rank == 0 ? try isTrained(run, upTo: steps, directory) : false })
            let isEvaluated = try part.broadcast(part.rank == 0 && directory.isEvaluated(run))
            if hasEnded && (isEvaluated || epochs != nil) { return }
            if !hasEnded { try train(run, steps, directory, part, team) }
            if epochs == nil { try evaluate(run, directory, part) }
            try part.agree { if part.rank == 0 { try directory.note(nil, of: run) } }
            tell("done: \(path)" + (epochs.map { ", epoch \($0)" } ?? ""), part)
        } catch  where (error is Agreed || part.worldSize == 1) && Failure(error).code != .stopped {
            let sentence = Failure(error).message
            try part.agree { if part.rank == 0 { try directory.note(sentence, of: run) } }
            tell("failed: \(path): \(sentence)", part)
        }
    }

    private func isTrained(_ run: SweepRun, upTo steps: Int?, _ directory: SweepDirectory) throws -> Bool {
        guard directory.failure(of: run) == nil, let ended = try directory.endedStep(of: run) else { return false }
        if let steps { return ended >= steps }
        // After a round of halving a run has ended there.
        guard directory.sweep.search.firstEpochs != nil else { return true }
        return ended >= (try TrainingOutlook(located(run.recipe)).steps)
    }

    private func train(
        _ run: SweepRun, _ steps: Int?, _ directory: SweepDirectory, _ part: Communicator, _ team: SweepTeam
    ) throws {
        let words =
            [
                directory.recipe(of: run), "--run", directory.path(of: run), "--resume", "--set",
                "seed=\(run.recipe.seed)",
            ]
            + (steps.map { ["--set", "max_steps=\($0)"] }
                ?? (directory.sweep.search.firstEpochs == nil
                    ? [] : ["--set", "max_steps=null"]))
            + location.arguments + (options.quiet || team.parts > 1 ? ["--quiet"] : [])
        tell("== run \(run.number): \(directory.path(of: run))", part)
        try part.agree { try TrainCommand.parse(words) }.run(part)
    }

    private func evaluate(_ run: SweepRun, _ directory: SweepDirectory, _ part: Communicator) throws {
        let words =
            [
                directory.path(of: run), "--output", directory.evaluation(of: run), "--resume", "--quiet",
                "--stall-timeout", "\(run.recipe.stallTimeout)",
            ]
            + (run.recipe.validation > 0 ? ["--best"] : []) + evaluationWords(run, directory)
        try part.agree { try EvaluateCommand.parse(words) }.run(part)
    }

    /// The arguments of the evaluation of a run's best network.
    private func evaluationWords(_ run: SweepRun, _ directory: SweepDirectory) -> [String] {
        let plan = run.recipe.evaluation
        let own = directory.sweep.evaluation
        let attacks = own.attacks ?? (plan ?? run.recipe.defaultEvaluation).attacks.joined(separator: ",")
        return ["--attacks", attacks, "--split", SweepResults.split(directory.sweep, directory.runs)]
            + (own.strengths.map { ["--strengths", $0] } ?? [])
            + ((own.samples ?? plan?.samples).map { ["--samples", "\($0)"] } ?? [])
            + location.arguments
    }

    /// Estimates what trainings and evaluations take: those that cost the same are measured once, by all parts at the
    /// same time. Collective.
    private func forecast(_ runs: [SweepRun], _ directory: SweepDirectory, _ world: Communicator) throws {
        let team = try SweepTeam(world, most: mostRanks(runs), runs: runs.count)
        var known: [(recipe: Recipe, forecast: TrainingForecast)] = []
        var (training, evaluation, memory, bytes) = (0.0, 0.0, 0.0, 0)
        let outcome = Result {
            guard let part = team.part else { return }
            for run in runs {
                let key = located(run.recipe).withoutRates
                let forecast =
                    try known.first { $0.recipe == key }?.forecast
                    ?? TrainingForecast(located(run.recipe), seconds: 3, communicator: part) { checkpoint in
                        let words = [checkpoint, "--output", checkpoint] + evaluationWords(run, directory)
                        return try part.agree { try EvaluateCommand.parse(words) }.estimate(part).seconds
                    }
                if !known.contains(where: { $0.recipe == key }) { known.append((key, forecast)) }
                training += forecast.seconds
                evaluation += forecast.evaluation
                memory = max(memory, forecast.memory)
                bytes += forecast.files.bytes
            }
        }
        if case .failure(let error) = outcome, !(error is Agreed) { throw error }
        try world.agree { try outcome.get() }
        // Of halving's rounds each trains a part of the configurations a part of the epochs; the last ones are
        // evaluated.
        let rounds = directory.rounds
        let (all, whole) = (Double(rounds[0].configurations), Double(rounds.last?.epochs ?? 1))
        training *= zip(rounds, [(epochs: 0, configurations: 0)] + rounds.dropLast()).reduce(0) {
            $0 + Double($1.0.configurations) / all * Double($1.0.epochs - $1.1.epochs) / whole
        }
        evaluation *= Double(rounds.last?.configurations ?? 0) / all
        let parts = Double(team.parts)
        tell(
            """
            runs      \(runs.count), of \(known.count) different costs; \(team)
            memory    \(fixed(memory / 1e6, 1)) MB a rank
            files     \(fixed(Double(bytes) / 1e6, 1)) MB of checkpoints
            time      \(durationText((training + evaluation) / parts)) here: \(durationText(training / parts)) of \
            training, \(durationText(evaluation / parts)) of evaluation
            """, world)
    }

    // MARK: The end

    /// Writes the tables and the page where all runs are done.
    private func finish(_ directory: SweepDirectory) throws {
        let results = try SweepResults(directory)
        guard results.missing.isEmpty else {
            let names = results.missing.prefix(5).map(\.path).joined(separator: ", ")
            let others = results.missing.count > 5 ? ", ..." : ""
            if !options.quiet {
                print(
                    "\(results.missing.count) of \(directory.runs.count) runs are left to other jobs: \(names)\(others)"
                )
            }
            return
        }
        try results.write()
        if !options.quiet {
            print("\n\(results.text)\n" + results.notes.joined(separator: "\n"))
            print("written: \(directory.path)/sweep.csv")
        }
        if results.failures.count < directory.runs.count { try report(directory) }
        guard results.failures.isEmpty else {
            let told = results.failures.prefix(3).map { "\($0.run.path): \($0.sentence)" }.joined(separator: "; ")
            throw Failure(
                .software,
                "\(results.failures.count) of \(directory.runs.count) runs failed (\(told)): the others are in "
                    + "\(directory.path)/sweep.csv; the same command tries those that failed again")
        }
    }

    /// The page; a machine without gnuplot writes none, and says so.
    private func report(_ directory: SweepDirectory) throws {
        let output = directory.path + "/report"
        do {
            let report = try Report(of: [directory.path], output: output)
            try report.writeTables()
            try report.writePage()
            if !options.quiet { print("written: \(output)/index.html") }
        } catch let failure as Failure where failure.code == .unavailable {
            let later = "steadfast report \(directory.path) --output \(output)"
            Console.say("no page: \(failure.message); later: \(later)")
        }
    }
}

extension Recipe {
    /// With the values that change no cost as they are by default: recipes that are equal then take the same time.
    fileprivate var withoutRates: Recipe {
        var recipe = self
        let plain = Recipe.defaults(dataset: dataset)
        (recipe.seed, recipe.learningRate, recipe.momentum) = (plain.seed, plain.learningRate, plain.momentum)
        (recipe.weightDecay, recipe.layerRates, recipe.schedule) = (plain.weightDecay, plain.layerRates, plain.schedule)
        (recipe.scaling, recipe.loss) = (plain.scaling, plain.loss)
        return recipe
    }
}

/// A task of an array of jobs, the `place`-th of `count`, from 1.
private struct SweepTask {
    let place, count: Int

    /// True where a run is among those that are dealt to it.
    func owns(_ run: SweepRun) -> Bool { (run.number - place) % count == 0 }
}

/// The ranks of a job, dealt to parts that do a run each at a time.
struct SweepTeam: CustomStringConvertible {
    /// This rank's part; nil for a rank that has none.
    let part: Communicator?
    /// The number of parts.
    let parts: Int
    private let ranks: Int

    /// Deals the ranks: as few parts as take all, of at most `most` ranks, and no more than there are runs. Collective.
    init(_ world: Communicator, most: Int, runs: Int) throws {
        parts = max(1, min(runs, (world.worldSize + most - 1) / most))
        ranks = min(world.worldSize, parts * most)
        let place = world.rank < ranks ? world.rank * parts / ranks : parts
        let own = try world.split(color: place, key: world.rank)
        part = world.rank < ranks ? own : nil
    }

    /// `8 ranks in 2 parts`.
    var description: String {
        counted(ranks, "rank") + (parts == 1 ? "" : " in \(parts) parts")
    }
}
