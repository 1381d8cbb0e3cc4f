import ArgumentParser
import Reports

/// `steadfast runs`.
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "List runs with their state, last step, errors and size.",
        discussion: """
            States: running (a job holds it), finished, stopped (it ended early and saved its last step), dead (it \
            ended without saving: resumed, it computes the steps since its last checkpoint again). With --remove the \
            runs that are named are removed with all that lies in their directories; one that a job is using is \
            refused.
            """)

    @Argument(help: "A run, or a directory with runs at any depth. Default: checkpoints.", completion: .directory)
    var directories: [String] = ["checkpoints"]

    @Flag(help: "Remove the runs that are named.")
    var remove = false

    func run() throws {
        guard remove else { return print(RunList(try directories.flatMap(RunSummary.find))) }
        for directory in directories {
            try RunSummary.remove(directory)
            print("removed: \(directory)")
        }
    }
}
