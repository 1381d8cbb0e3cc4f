import ArgumentParser
import Checkpoints
import Datasets
import Essentials
import Foundation
import MessagePassing
import Recipes
import Robustness
import Training

/// `steadfast reproduce`.
struct ReproduceCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce", abstract: "Train, evaluate and report the paper's networks, alone or under mpirun.",
        discussion: """
            Runs the commands that a person would, says each, and does only what is missing: start it again after an \
            interruption. DIR gets RECIPE/seed-N, a run with its evaluation/ and strong/, and report/.
            """)

    @Argument(help: "mnist or cifar10.", completion: .list(["mnist", "cifar10"]))
    var dataset: String

    @Option(
        help: ArgumentHelp(
            "The models, separated by commas: recipes DATASET-MODEL. Default: the paper's and those that go beyond it.",
            valueName: "list"))
    var models: String?

    @Option(help: "Train each model with the seeds 1 to N, for means and spreads.")
    var seeds = 1

    @Option(
        name: .customLong("run"), help: "The directory for all of it; it is made if absent.", completion: .directory)
    var directory: String

    @Option(help: "Evaluate on the first N test images.")
    var samples: Int?

    @Option(
        help: "Run the strong attacks and the masking verdict on the first N test images, those of seed 1; 0 for none.")
    var strongSamples = 100

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "Override a value of each recipe, as `train` does. Repeatable.", completion: .assignments)
    var overrides: [String] = []

    @OptionGroup var location: DataLocation

    func run() throws {
        Self.onAllRanks { world in
            let paper = try world.agree { try ReproducedPaper(dataset) }
            let names = models?.split(separator: ",").map(String.init) ?? paper.models
            try world.agree {
                guard !names.isEmpty else {
                    throw Failure(.usage, "--models names no model: name one, or leave it out")
                }
                guard seeds >= 1 else { throw Failure(.usage, "--seeds has to be at least 1") }
                guard try !Recipe.keys(setBy: overrides).contains("seed") else {
                    throw Failure(.usage, "--set seed does not go with reproduce: --seeds N trains with 1 to N")
                }
                guard samples ?? 1 >= 1 else { throw Failure(.usage, "--samples has to be at least 1") }
                guard strongSamples >= 0 else { throw Failure(.usage, "--strong-samples has to be at least 0") }
                // A model that is not there is found before an hour went into the others.
                for name in names { _ = try Recipe.load("\(dataset)-\(name)", overrides: overrides) }
            }
            for seed in 1...seeds {
                for name in names { try reproduce(paper, "\(dataset)-\(name)", seed: seed, world) }
            }
            let words = ["report", directory, "--output", "\(directory)/report", "--paper"]
            let report = try command(words, as: ReportCommand.self, world)
            try world.agree { if world.rank == 0 { try report.run() } }
        }
    }

    private func reproduce(_ paper: ReproducedPaper, _ recipe: String, seed: Int, _ world: Communicator) throws {
        let run = "\(directory)/\(recipe)/seed-\(seed)"
        let data = location.arguments
        let values = (overrides + ["seed=\(seed)"]).flatMap { ["--set", $0] }
        let train = ["train", recipe, "--run", run, "--resume"] + values + data
        try command(train, as: TrainCommand.self, world).run(world)

        let some = samples.map { ["--samples", String($0)] } ?? []
        let output = "\(run)/\(RunLayout.evaluation)"
        let evaluate = ["evaluate", run, "--attacks", paper.attacks, "--output", output, "--resume"] + some + data
        try command(evaluate, as: EvaluateCommand.self, world).run(world)

        guard strongSamples > 0, seed == 1 else { return }
        let strong = "\(run)/strong"
        let few = String(min(strongSamples, samples ?? strongSamples))
        let isDiagnosed = try world.agree { FileManager.default.fileExists(atPath: "\(strong)/\(Diagnosis.file)") }
        let attack =
            [
                "evaluate", run, "--attacks", paper.strongAttacks, "--strengths", paper.strongStrengths, "--samples",
                few, "--output", strong, "--resume",
            ] + (isDiagnosed ? [] : ["--diagnose"]) + data
        try command(attack, as: EvaluateCommand.self, world).run(world)
    }

    /// A command as if it had been typed, which rank 0 says.
    private func command<Command: ParsableCommand>(
        _ words: [String], as type: Command.Type, _ world: Communicator
    ) throws -> Command {
        if world.rank == 0 { print("\n== steadfast \(words.joined(separator: " "))") }
        return try world.agree { try Command.parse(Array(words.dropFirst())) }
    }
}
