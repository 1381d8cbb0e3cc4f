import ArgumentParser
import Benchmarks
import Essentials
import Foundation
import MessagePassing
import Recipes

/// `steadfast benchmark`.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure what this machine reaches, alone or under mpirun.",
        subcommands: [Train.self, Evaluate.self, Kernels.self, Collectives.self])

    /// Where the figures go.
    struct Output: ParsableArguments {
        @Option(help: "Write the figures to this file, one JSON object.")
        var json: String?

        /// Prints the report on rank 0. Collective.
        func write(_ report: BenchmarkReport, _ world: Communicator) throws {
            try world.agree {
                guard world.rank == 0 else { return }
                print(report.lines.joined(separator: "\n"))
                if let json { try AtomicFile.write(report.json.text + "\n", to: json) }
            }
        }
    }

    /// How long to measure.
    struct Time: ParsableArguments {
        @Option(help: "About how many seconds to measure.")
        var seconds = 10.0

        func validate() throws {
            guard seconds > 0, seconds <= 3600 else {
                throw ValidationError("--seconds is \(seconds); allowed: above 0, up to 3600")
            }
        }
    }

    /// The network and its data.
    struct Subject: ParsableArguments {
        @Option(help: "A recipe, a name or a path. Default: that of --dataset and --activation.")
        var recipe: String?

        @Option(help: "The data set: mnist, cifar10 or glyphs. Default: mnist.")
        var dataset: String?

        @Option(help: "The network's activation: plain, rbf or mrelu. Default: mrelu.")
        var activation: String?

        @Option(help: "The images of a batch, over all ranks.")
        var batch = 100

        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: "Override a value of the recipe: key=value, as in reduction=fast, overlap=off. Repeatable.")
        var overrides: [String] = []

        @OptionGroup var time: Time

        @OptionGroup var location: DataLocation

        func validate() throws {
            guard recipe == nil || (dataset == nil && activation == nil) else {
                throw ValidationError("--recipe excludes --dataset and --activation, which name a recipe themselves")
            }
            // A text that is no override is refused with the recipe.
            guard (try? Recipe.keys(setBy: overrides))?.contains("batch") != true else {
                throw ValidationError("--set batch does not go with a benchmark: say --batch")
            }
        }

        func subject() throws -> BenchmarkSubject {
            try BenchmarkSubject(
                recipe: recipe, dataset: dataset ?? "mnist", activation: activation ?? "mrelu", batch: batch,
                overrides: overrides, dataDirectory: location.dataDirectory)
        }
    }

    struct Train: CollectiveCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time the trainer's own step on a shipped recipe, and where its time goes.")

        @OptionGroup var subject: Subject

        @Option(help: "Predict the scaling up to so many ranks, from this measurement and the network's figures.")
        var project: Int?

        @Option(help: "For --project: microseconds that a message takes. Default: as measured between the ranks.")
        var latency: Double?

        @Option(help: "For --project: MB/s of a link. Default: as measured between the ranks.")
        var bandwidth: Double?

        @Option(help: "Write what ranks of a job do in a step to this directory, as traces for SimGrid's smpirun.")
        var replayTrace: String?

        @Option(help: "For --replay-trace: the hosts of the job.")
        var hosts: Int?

        @Option(help: "For --replay-trace: the ranks of the job, the same number on each host.")
        var ranks: Int?

        @OptionGroup var output: Output

        func validate() throws {
            guard (replayTrace == nil) == (hosts == nil), (hosts == nil) == (ranks == nil) else {
                throw ValidationError("--replay-trace, --hosts and --ranks go together")
            }
            guard project == nil || replayTrace == nil else {
                throw ValidationError("--project and --replay-trace exclude each other")
            }
            if let hosts, let ranks, !(1...65_536).contains(ranks) || hosts < 1 || ranks % hosts != 0 {
                throw ValidationError("--ranks takes 1 to 65536 ranks, as many on each of --hosts")
            }
            guard project.map({ (1...1_048_576).contains($0) }) ?? true else {
                throw ValidationError("--project takes 1 to 1048576 ranks")
            }
            guard (latency == nil) == (bandwidth == nil), latency == nil || project != nil else {
                throw ValidationError("--latency and --bandwidth go together, and with --project")
            }
            guard (0...1e9).contains(latency ?? 0), (1e-6...1e9).contains(bandwidth ?? 1) else {
                throw ValidationError("--latency takes 0 to 1e9 microseconds, --bandwidth 1e-6 to 1e9 MB/s")
            }
        }

        func run() throws {
            Self.onAllRanks { world in
                let subject = try world.agree { () -> BenchmarkSubject in
                    guard project == nil || latency != nil || world.worldSize > 1 else {
                        throw Failure(
                            .usage, "one rank has no network to measure: give --latency and --bandwidth, or use mpirun")
                    }
                    return try self.subject.subject()
                }
                if let replayTrace, let hosts, let ranks {
                    let rehearsal = TrainingRehearsal(
                        subject, seconds: self.subject.time.seconds, hosts: hosts, ranks: ranks, into: replayTrace)
                    return try output.write(try rehearsal.run(world), world)
                }
                let network = latency.flatMap { latency in
                    bandwidth.map { (latency: latency * 1e-6, bandwidth: $0 * 1e6) }
                }
                let benchmark = TrainingBenchmark(
                    subject, seconds: self.subject.time.seconds, projected: project, network: network)
                try output.write(try benchmark.run(world), world)
            }
        }
    }

    struct Evaluate: CollectiveCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time forward passes of test images, and the paper's attack.")

        @OptionGroup var subject: Subject
        @OptionGroup var output: Output

        func run() throws {
            Self.onAllRanks { world in
                let subject = try world.agree { try self.subject.subject() }
                try output.write(try EvaluationBenchmark(subject, seconds: self.subject.time.seconds).run(world), world)
            }
        }
    }

    struct Kernels: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time each layer's kernels by themselves, beside OpenBLAS's products of their shapes.")

        @OptionGroup var subject: Subject
        @OptionGroup var output: Output

        func run() throws {
            try output.write(
                try KernelBenchmark(try subject.subject(), seconds: subject.time.seconds).run(), Communicator.alone)
        }
    }

    struct Collectives: CollectiveCommand {
        static let configuration = CommandConfiguration(
            abstract: "Time sums over the ranks, by MPI and in the lane tree.")

        @Option(help: "The lanes of the exact reduction.")
        var lanes = 8

        @OptionGroup var time: Time
        @OptionGroup var output: Output

        func run() throws {
            Self.onAllRanks { world in
                try output.write(try CollectiveBenchmark(lanes: lanes, seconds: time.seconds).run(world), world)
            }
        }
    }
}
