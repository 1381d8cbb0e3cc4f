import ArgumentParser
import Checkpoints
import Essentials
import Foundation

/// The place of the data sets.
struct DataLocation: ParsableArguments {
    @Option(
        help: """
            Where the data sets lie, one folder each. Default: as the recipe says, else $STEADFAST_DATA, then \
            ~/.cache/steadfast.
            """,
        completion: .directory)
    var dataDirectory: String?

    /// The directory that new data sets go to.
    var target: String {
        dataDirectory ?? ProcessInfo.processInfo.environment["STEADFAST_DATA"] ?? homeDirectory() + "/.cache/steadfast"
    }

    /// The option again, for a command that this one starts.
    var arguments: [String] { dataDirectory.map { ["--data-directory", $0] } ?? [] }
}

/// The checkpoint that a path names, and how far its file is trusted.
struct CheckpointChoice: ParsableArguments {
    @Flag(help: "Of a run, the checkpoint with the least validation error.")
    var best = false

    @Flag(help: "Read a checkpoint that another program wrote (it has no seal).")
    var trust = false

    /// Reads a checkpoint, or that of a run.
    ///
    /// - Throws: as `RunDirectory.checkpointFile` and `Checkpoint.load`.
    func load(_ path: String) throws -> Checkpoint {
        try Checkpoint.load(try RunDirectory.checkpointFile(path, best: best), trust: trust)
    }
}

/// The attacks on a network, their strengths, and the images.
struct AttackChoice: ParsableArguments {
    @Option(
        help: "The attacks, NAME[:key=value]..., separated by commas. Default: the plan of the recipe (evaluation).",
        completion: .attacks)
    var attacks: String?

    @Option(
        help: "Strengths in [0, 1], as 0.1 or 8/255, separated by commas. Default: the recipe's, then the data set's.")
    var strengths: String?

    @Option(help: "Evaluate on the first N images. Default: the recipe's, then all.")
    var samples: Int?
}

/// How a job goes, and how much it says.
struct JobOptions: ParsableArguments {
    @Flag(help: "Print nothing but errors.")
    var quiet = false

    @Flag(help: "Estimate time, memory and files by a measurement of seconds, or say what would be refused.")
    var dryRun = false
}
