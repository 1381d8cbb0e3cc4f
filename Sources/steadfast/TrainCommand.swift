import ArgumentParser
import Checkpoints
import Essentials
import Foundation
import MessagePassing
import Training

/// `steadfast train`.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a network as a recipe says, alone or under mpirun.",
        discussion: """
            The weights are the same bits for every number of ranks, and a run that was stopped ends as if it had not \
            been: start it again with --resume, with as many ranks as there are.
            """)

    @Argument(help: "A recipe: a path, or a name such as mnist-mrelu-r-m.")
    var recipe: String

    @Option(name: .customLong("run"), help: "The run's directory; it is made if absent. Default: checkpoints/RECIPE.")
    var directory: String?

    @Flag(help: "Go on with the run that the directory holds.")
    var resume = false

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "Override a value of the recipe: key=value, dotted (schedule.kind=cosine). Repeatable.")
    var overrides: [String] = []

    @Option(help: "Where the data sets lie, one folder each. Default: $STEADFAST_DATA, then ~/.cache/steadfast.")
    var dataDirectory: String?

    @Flag(help: "Print nothing but errors.")
    var quiet = false

    func run() throws {
        Communicator.main { communicator in
            try StopRequest.install()
            var recipe = try communicator.agree { try Recipe.load(self.recipe, overrides: overrides) }
            if let dataDirectory { recipe.dataDirectory = dataDirectory }
            let directory = try communicator.agree {
                communicator.rank == 0 ? try openRun(recipe) : nil
            }
            let trainer = try Trainer(
                recipe, communicator: communicator, run: directory, resume: resume,
                showProgress: communicator.rank == 0 && !quiet)
            try communicator.agree { try directory?.writeRecipe(recipe.yaml) }
            try trainer.train()
        }
    }

    /// Opens the run's directory and settles its recipe.
    private func openRun(_ recipe: Recipe) throws -> RunDirectory {
        var name = URL(fileURLWithPath: self.recipe).lastPathComponent
        if name.hasSuffix(".yaml") { name.removeLast(5) }
        var isTold = false
        let directory = try RunDirectory(self.directory ?? "checkpoints/\(name)", resume: resume) {
            if StopRequest.requested { throw Failure(.stopped, "stopped by a signal while waiting for another job") }
            if !isTold { try? FileHandle.standardError.write(contentsOf: Data("steadfast: waiting for \($0)\n".utf8)) }
            isTold = true
        }
        if let text = try directory.recipe() {
            let old = try Recipe.parse(yaml: text, overrides: [], source: "\(directory.path)/recipe.yaml")
            let changed = recipe.changesResult(comparedTo: old)
            guard changed.isEmpty else {
                throw Failure(
                    .usage,
                    "\(directory.path) was started with another \(changed.joined(separator: ", ")): resume with the same "
                        + "recipe, or start a new run in another directory")
            }
        }
        return directory
    }
}
