import ArgumentParser
import Benchmarks
import Checkpoints
import Essentials
import Foundation
import MessagePassing
import Recipes
import Reports
import Robustness
import Training

/// `steadfast train`.
struct TrainCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a network as a recipe says, alone or under mpirun.",
        discussion: """
            The weights are the same bits for every number of ranks, and a run that was stopped ends as if it had not \
            been: start it again with --resume, with as many ranks as there are.
            """)

    @Argument(
        help: "A recipe: a path, or a name such as mnist-mrelu-r-m; with --resume a run's directory too.",
        completion: .recipes)
    var recipe: String

    @Option(
        name: .customLong("run"), help: "The run's directory; it is made if absent. Default: checkpoints/RECIPE.",
        completion: .directory)
    var directory: String?

    @Flag(help: "Go on with the run that the directory holds; values that are not given are the run's.")
    var resume = false

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "Override a value of the recipe: key=value, dotted (schedule.kind=cosine). Repeatable.",
        completion: .assignments)
    var overrides: [String] = []

    @OptionGroup var location: DataLocation

    @Option(
        help: ArgumentHelp(
            "Let the last K ranks evaluate each new checkpoint as the recipe's `evaluation` plans: RUN/evaluation.",
            valueName: "K"))
    var evaluationRanks = 0

    @Option(
        help: ArgumentHelp(
            "Write a trace of the first steps to DIR/rank-N.json, for ui.perfetto.dev or chrome://tracing.",
            valueName: "DIR"), completion: .directory)
    var trace: String?

    @Flag(help: "Write the progress line over, as on a terminal, whatever standard error is.")
    var progress = false

    @OptionGroup var options: JobOptions

    @Flag(help: "Print the recipe with every value resolved, and train nothing.")
    var printRecipe = false

    func run() throws {
        if printRecipe {
            let text = try resolve(try runRecipe()).yaml
            return Communicator.launchedRank == 0 ? print(text, terminator: "") : ()
        }
        // A refused recipe is told below, by all ranks together.
        let timeout = (try? resolve(try runRecipe()))?.stallTimeout ?? 0
        Communicator.main(deadline: timeout) { try run($0) }
    }

    /// Trains, on all ranks of a communicator; collective.
    func run(_ world: Communicator) throws {
        try StopRequest.install()
        // The run's directory is rank 0's: other hosts need not see it.
        let text = try world.broadcast(
            try world.agree { () throws -> String in
                guard world.rank == 0 else { return "" }
                guard !SweepDirectory.isSweep(runPath) else {
                    throw Failure(.cannotCreate, "\(runPath) holds a sweep: choose another directory with --run")
                }
                return try runRecipe() ?? ""
            })
        let recipe = try world.agree { try resolve(text.isEmpty ? nil : text) }
        let trainingRanks = try world.agree {
            guard (0..<world.worldSize).contains(evaluationRanks) else {
                throw Failure(
                    .usage,
                    "--evaluation-ranks \(evaluationRanks) leaves no rank of \(world.worldSize) to train: start more"
                )
            }
            return world.worldSize - evaluationRanks
        }
        guard !options.dryRun else { return try forecast(recipe, world) }
        let directory = try world.agree { world.rank == 0 ? try openRun(recipe) : nil }
        defer { directory?.removeIfUnused() }
        guard evaluationRanks > 0 else { return try train(recipe, world, directory) }
        try trainAndEvaluate(recipe, world, trainingRanks: trainingRanks, directory)
    }

    /// The recipe is a run's directory: `train RUN --resume`.
    private var isRun: Bool {
        FileManager.default.isDirectory(recipe) && (recipe.contains("/") || !Recipe.names().contains(recipe))
    }

    /// The recipe.yaml of the run that goes on; nil where there is none yet.
    private func runRecipe() throws -> String? {
        let path = runPath + "/recipe.yaml"
        if isRun {
            guard resume else {
                throw Failure(
                    .usage, "\(recipe) is a directory: go on with the run in it by --resume, or name a recipe")
            }
            guard resolved(directory ?? recipe) == resolved(recipe) else {
                throw Failure(
                    .usage,
                    "\(recipe) is a run's directory, and --run names another one: leave --run out, or name a recipe")
            }
            guard access(path, F_OK) == 0 else {
                throw Failure(
                    .noInput, "\(recipe) holds no run (\(path) is missing): name a recipe or another directory")
            }
        }
        guard resume, access(path, F_OK) == 0 else { return nil }
        return try RunDirectory.recipe(of: runPath)
    }

    private func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

    /// The recipe, over the values of the run that goes on.
    private func resolve(_ run: String?) throws -> Recipe {
        var resolved =
            if isRun, let run {
                try Recipe.parse(
                    yaml: run, overrides: overrides, resuming: run, source: runPath + "/recipe.yaml")
            } else {
                try Recipe.load(recipe, overrides: overrides, resuming: run)
            }
        if let dataDirectory = location.dataDirectory { resolved.dataDirectory = dataDirectory }
        return resolved
    }

    /// Estimates what the training takes; writes nothing. Collective.
    private func forecast(_ recipe: Recipe, _ world: Communicator) throws {
        JobDeadline.callOff()
        let done = try world.agree { () throws -> Int in
            guard evaluationRanks == 0, trace == nil else {
                throw Failure(
                    .usage, "--dry-run goes without --evaluation-ranks and --trace, whose work it cannot estimate")
            }
            guard world.rank == 0 else { return 0 }
            guard resume else {
                try RunDirectory.refuseRun(in: runPath)
                return 0
            }
            if access("\(runPath)/\(RunLayout.recipe)", F_OK) == 0 {
                try refuseDifferences(recipe, from: try RunDirectory.recipe(of: runPath))
            }
            return try RunDirectory.checkpoints(in: runPath).last.map { try Checkpoint.load($0).header.step } ?? 0
        }
        let forecast = try TrainingForecast(recipe, done: try world.broadcast(done), communicator: world)
        try world.agree {
            if world.rank == 0 { print(forecast.lines.joined(separator: "\n")) }
        }
    }

    private func train(_ recipe: Recipe, _ communicator: Communicator, _ directory: RunDirectory?) throws {
        try Watchdog.during(communicator, timeout: recipe.stallTimeout) {
            try trainWatched(recipe, communicator, directory)
        }
    }

    private func trainWatched(_ recipe: Recipe, _ communicator: Communicator, _ directory: RunDirectory?) throws {
        let trainer = try Trainer(
            recipe, communicator: communicator, run: directory, resume: resume,
            showProgress: communicator.rank == 0 && !options.quiet, movingLine: progress || Terminal.isWatched,
            traces: trace != nil)
        try communicator.agree { try directory?.writeRecipe(trainer.recipe.yaml) }
        guard let trace else { return try trainer.train() }
        try communicator.agree { try FileManager.default.makeDirectory(trace) }
        let outcome = Result { try trainer.train() }
        // Where all ranks stop together there is a trace too.
        if case .failure(let error) = outcome, !(error is Agreed) { throw error }
        try communicator.agree {
            try AtomicFile.write(trainer.trace, to: "\(trace)/rank-\(communicator.rank).json")
        }
        try outcome.get()
    }

    /// The two parts of the job share nothing but the run's files; they end together.
    ///
    /// Each is watched by itself, so that the other's progress does not hide that it stands still. A rank that is
    /// stopped alone in its part, or when the other part is done, is seen by the watch over both, which leaves those of
    /// the parts the time to speak first.
    private func trainAndEvaluate(
        _ recipe: Recipe, _ world: Communicator, trainingRanks: Int, _ directory: RunDirectory?
    ) throws {
        // Where hosts cannot hear each other, this watch knows nothing of a part that is at work.
        try Watchdog.during(world, timeout: 2 * recipe.stallTimeout, accusesUnheard: false) {
            try doParts(recipe, world, trainingRanks: trainingRanks, directory)
        }
    }

    private func doParts(
        _ recipe: Recipe, _ world: Communicator, trainingRanks: Int, _ directory: RunDirectory?
    ) throws {
        let trains = world.rank < trainingRanks
        let metrics = try world.broadcast(RunDirectory.metricsSize(runPath))
        let settings = try world.agree { try EvaluationRequest.settings(plannedBy: recipe) }
        let part = try world.split(color: trains ? 0 : 1, key: world.rank)
        let outcome = Result {
            if trains { return try train(recipe, part, directory) }
            try Watchdog.during(part, timeout: recipe.stallTimeout) {
                try Progress.during(.evaluating) { try evaluate(settings, metricsStart: metrics, part) }
            }
        }
        if case .failure(let error) = outcome {
            // Of what one rank alone knows the others of its part would never hear.
            guard error is Agreed else { throw error }
            // The evaluators would wait for ever for checkpoints of a training that failed.
            if trains, part.rank == 0, Failure(error).code != .stopped { throw Failure(error) }
        }
        if !trains, part.rank == 0, case .failure(let error) = outcome {
            // The training goes on; the job ends with this failure.
            Console.warn("evaluation stopped: \(Failure(error).message)")
        }
        try world.agree { try outcome.get() }
    }

    /// Evaluates the run's checkpoints as they appear. Collective over the ranks of a part.
    private func evaluate(_ settings: EvaluationSettings, metricsStart: Int, _ part: Communicator) throws {
        let watcher = try CheckpointWatcher(
            run: runPath, output: "\(runPath)/\(RunLayout.evaluation)", metricsStart: metricsStart, resume: true,
            communicator: part
        ) { _ in settings }
        var warnings = EvaluationWarnings()
        _ = try watcher.watch(note: { _ in }, warn: { warnings.tell(of: $0) }) { results in
            for row in results.summary {
                try RunDirectory.append(row.event(step: results.subject.checkpointStep), toMetricsOf: runPath)
            }
        }
    }

    private var runPath: String {
        if isRun { return recipe }
        var name = URL(fileURLWithPath: recipe).lastPathComponent
        if name.hasSuffix(".yaml") { name.removeLast(5) }
        return directory ?? "checkpoints/\(name)"
    }

    /// Opens the run's directory and settles its recipe.
    private func openRun(_ recipe: Recipe) throws -> RunDirectory {
        let notice = LockNotice()
        let directory = try RunDirectory(
            runPath, resume: resume, lockTimeout: LockNotice.patience(stallTimeout: recipe.stallTimeout)
        ) { try notice($0) }
        if let text = try directory.recipe() {
            let changes = try refuseDifferences(recipe, from: text)
            if !options.quiet {
                for change in changes { print("\(change.text): taken up") }
            }
        }
        return directory
    }

    /// Refuses to go on with a run by another recipe than its own; gives the differences that change nothing of what
    /// was done.
    @discardableResult
    private func refuseDifferences(_ recipe: Recipe, from text: String) throws -> [RecipeDifference] {
        let old = try Recipe.parse(yaml: text, overrides: [], source: "\(runPath)/recipe.yaml")
        let differences = recipe.resumeDifferences(from: old)
        guard differences.isEmpty else {
            throw Failure(
                .usage,
                "\(runPath) was started with another recipe ("
                    + differences.map(\.text).joined(separator: "; ")
                    + "): resume with the same, or start a new run in another directory, from these weights by "
                    + "initial_weights: \(runPath)")
        }
        return recipe.resultDifferences(from: old)
    }
}
