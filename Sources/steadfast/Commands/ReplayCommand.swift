import ArgumentParser
import Checkpoints
import Essentials
import Foundation
import MessagePassing
import Recipes
import Training

/// `steadfast replay`.
struct ReplayCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract:
            "Train again between two checkpoints of a run, and prove that the later one follows from the earlier.",
        discussion: """
            Equal bits need the build and the type of CPU of the run, and its data; the number of ranks is free. Exit \
            code 65 names the first tensor that differs.
            """)

    @Argument(help: ArgumentHelp("The run's directory.", valueName: "run"), completion: .directory)
    var directory: String

    @Option(
        help: "The step of the earlier checkpoint; 0 for the initial weights. Default: the oldest one that is kept.")
    var from: Int?

    @Option(help: "The step of the later checkpoint. Default: the newest one.")
    var to: Int?

    @OptionGroup var location: DataLocation

    func run() throws {
        Self.onAllRanks { world in
            try StopRequest.install()
            let ends = try world.agree { world.rank == 0 ? try open() : nil }
            let text = try world.broadcast(ends?.goal.header.recipe ?? "")
            let recipe = try world.agree {
                var recipe = try Recipe.parse(yaml: text, source: "the run's recipe")
                if let dataDirectory = location.dataDirectory { recipe.dataDirectory = dataDirectory }
                recipe.evaluation = nil
                return recipe
            }
            let report = try Watchdog.during(world, timeout: recipe.stallTimeout, isResumable: false) {
                let trainer = try Trainer(
                    recipe, communicator: world, run: nil, resume: false, showProgress: false, from: ends?.start)
                return try Progress.during(.training) { try trainer.replay(to: ends?.goal) }
            }
            guard world.rank == 0, let ends else { return }
            print(
                "step \(ends.goal.header.step) follows from step \(ends.goal.header.step - report.steps): "
                    + "\(report.steps) steps, digest \(report.digest)")
        }
    }

    /// The two checkpoints; no earlier one for the initial weights.
    private func open() throws -> (start: Checkpoint?, goal: Checkpoint) {
        let files = try RunDirectory.checkpoints(in: directory)
        guard let oldest = files.first, let newest = files.last else {
            throw Failure(.noInput, "\(directory) holds no checkpoint: name the directory of a run")
        }
        func file(_ step: Int) throws -> String {
            let name = RunLayout.checkpoint(step: step)
            if let file = files.first(where: { $0.hasSuffix("/" + name) }) { return file }
            let steps = files.map { ($0 as NSString).lastPathComponent }.joined(separator: ", ")
            throw Failure(.noInput, "\(directory) holds no checkpoint of step \(step); it holds \(steps)")
        }
        let goal = try Checkpoint.load(try to.map(file) ?? newest)
        if from == 0 { return (nil, goal) }
        let start = try Checkpoint.load(try from.map(file) ?? oldest)
        let recipes = try [start, goal].map {
            try Recipe.parse(yaml: $0.header.recipe, source: "the recipe in \($0.source)")
        }
        let changed = recipes[1].resumeDifferences(from: recipes[0]).map(\.key)
        guard changed.isEmpty else {
            throw Failure(
                .data, "\(goal.source) was trained with another \(changed.joined(separator: ", ")) than \(start.source)"
            )
        }
        return (start, goal)
    }
}
