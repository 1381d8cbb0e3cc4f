import ArgumentParser
import Checkpoints
import Datasets
import Essentials
import Foundation
import Kernels
import MessagePassing
import Reports
import Robustness
import Training

/// `steadfast evaluate`.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Attack trained networks and record every sample, alone or under mpirun.",
        discussion: """
            Attacks: \(AttackCatalogue.names.joined(separator: ", ")). Parameters follow a name: \
            fgs-lmax:gradient-mode=batch. DIR gets summary.csv and results.h5 (in a folder for each checkpoint where \
            there are several).
            """)

    @Argument(help: "Checkpoints, or run directories (their latest checkpoint).")
    var checkpoints: [String]

    @Option(
        help: "The attacks, NAME[:key=value]..., separated by commas. Default: the plan of the recipe (evaluation).")
    var attacks: String?

    @Option(help: "Strengths in [0, 1], separated by commas. Default: the columns of the paper's table.")
    var strengths: String?

    @Option(help: "Evaluate the first N images.")
    var samples: Int?

    @Option(help: "Evaluate every K-th image, from the first.")
    var every = 1

    @Option(help: "The images: test, train or validation.")
    var split = "test"

    @Option(help: "The directory for the results.")
    var output: String

    @Option(help: "The key of all random numbers.")
    var seed: UInt64 = 1

    @Option(help: "Where the data sets lie, one folder each. Default: $STEADFAST_DATA, then ~/.cache/steadfast.")
    var dataDirectory: String?

    @Flag(help: "Read a checkpoint that another program wrote (it has no seal).")
    var trust = false

    @Flag(help: "Print nothing but errors.")
    var quiet = false

    func run() throws {
        Communicator.main { communicator in
            // What can be known before the work is known before it.
            try communicator.agree {
                try FileManager.default.makeDirectory(output)
                if communicator.rank == 0 { try AtomicFile.requireWritable(folder: output) }
                let folders = checkpoints.map(folderName)
                guard Set(folders).count == folders.count else {
                    throw Failure(.usage, "two of the checkpoints have the same name: name each once")
                }
            }
            let evaluations = try checkpoints.map { try CheckpointEvaluation($0, self, communicator) }
            var rows: [SummaryRow] = []
            for evaluation in evaluations { rows += try evaluation.run() }
            try communicator.agree {
                guard communicator.rank == 0 else { return }
                let text = ([SummaryRow.header] + rows.map(\.line)).joined(separator: "\n") + "\n"
                try AtomicFile.write(text, to: output + "/summary.csv")
                if !quiet { print("\n\(SummaryTable(rows))\nwritten: \(output)/summary.csv") }
            }
        }
    }
}

/// The folder of a checkpoint's results where there are several.
private func folderName(_ checkpoint: String) -> String { checkpoint.replacingOccurrences(of: "/", with: "_") }

/// What is asked for, checked: the command line, and the plan of the checkpoint's recipe where that says nothing.
private struct EvaluationRequest {
    let attacks: [AttackSpecification]
    let strengths: [Double]?
    let samples: Int?
    let split: Split
    /// The recipe that the network was trained by; nil for a network of another program.
    let recipe: Recipe?

    init(_ command: EvaluateCommand, _ checkpoint: Checkpoint) throws {
        recipe =
            checkpoint.header.recipe.isEmpty
            ? nil : try Recipe.parse(yaml: checkpoint.header.recipe, source: "the checkpoint's recipe")
        let plan = recipe?.evaluation
        guard let names = command.attacks ?? plan?.attacks.joined(separator: ",") else {
            throw Failure(
                .usage,
                "--attacks is missing, and the network's recipe plans no evaluation; known attacks: "
                    + AttackCatalogue.names.joined(separator: ", "))
        }
        attacks = try AttackSpecification.list(names)
        try AttackCatalogue.check(attacks.map(\.verbatim))
        strengths = try command.strengths.map(EvaluationRequest.strengths) ?? plan?.strengths
        samples = command.samples ?? plan?.samples
        guard samples ?? 1 >= 1 else { throw Failure(.usage, "--samples has to be at least 1") }
        guard command.every >= 1 else { throw Failure(.usage, "--every has to be at least 1") }
        guard let split = Split(rawValue: command.split) else {
            throw Failure(.usage, unknownName("split", command.split, among: Split.allCases.map(\.rawValue)))
        }
        self.split = split
    }

    private static func strengths(_ text: String) throws -> [Double] {
        let strengths = try text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            guard let value = Double(item), (0...1).contains(value) else {
                throw Failure(.usage, "--strengths has '\(item)': a strength is a number in [0, 1]")
            }
            return value
        }
        guard Set(strengths).count == strengths.count else {
            throw Failure(.usage, "--strengths names a strength twice: name each once")
        }
        return strengths
    }
}

/// The evaluation of one checkpoint.
private struct CheckpointEvaluation {
    let name: String
    let request: EvaluationRequest
    let command: EvaluateCommand
    let communicator: Communicator
    let checkpoint: Checkpoint
    let dataset: Dataset
    let samples: ImageSet
    let evaluator: Evaluator
    let outputs: Int

    init(_ name: String, _ command: EvaluateCommand, _ communicator: Communicator) throws {
        self.name = name
        self.command = command
        self.communicator = communicator
        (checkpoint, request, dataset, samples, evaluator, outputs) = try communicator.agree {
            let path = FileManager.default.isDirectory(name) ? try RunDirectory.latestCheckpoint(in: name) : name
            let checkpoint = try Checkpoint.load(path, trust: command.trust)
            let request = try EvaluationRequest(command, checkpoint)
            let victim = try Victim(checkpoint, seed: command.seed)
            let dataset = try Dataset.locate(
                checkpoint.header.dataset, directory: command.dataDirectory ?? request.recipe?.dataDirectory)
            let samples = try CheckpointEvaluation.read(dataset, request, every: command.every)
            let evaluator = try Evaluator(
                victim, samples: samples, classes: dataset.description.classes, communicator: communicator)
            return (checkpoint, request, dataset, samples, evaluator, victim.plan.outputs)
        }
        try communicator.agreeOnEqual([
            ("the checkpoint", checkpoint.contentDigest), ("the data", samples.contentDigest),
            ("the build", Product.buildDigest), ("the BLAS kernel", BLAS.kernel),
        ])
        try communicator.agree { [evaluator, request] in try evaluator.check(request.attacks) }
    }

    /// The images that are asked for: of the split, every K-th, the first N of those.
    private static func read(
        _ dataset: Dataset, _ request: EvaluationRequest, every step: Int
    ) throws -> ImageSet {
        let description = dataset.description
        var pool = Array(0..<Int32(request.split == .test ? description.testCount : description.trainCount))
        if request.split != .test {
            let splits = Splits(
                trainCount: pool.count, validation: request.recipe?.validation ?? 0, seed: request.recipe?.seed ?? 0)
            pool = request.split == .train ? splits.train : splits.validation
            guard !pool.isEmpty else {
                throw Failure(.usage, "--split validation: the network was trained without a validation split")
            }
        }
        let every = stride(from: 0, to: pool.count, by: step).map { Int(pool[$0]) }
        let wanted = Set(every.prefix(request.samples ?? .max))
        return try dataset.read(request.split == .test ? .test : .train) { wanted.contains($0) }
    }

    /// Collective; the rows are on rank 0.
    func run() throws -> [SummaryRow] {
        var results = EvaluationResults(
            checkpoint: name, checkpointDigest: checkpoint.contentDigest, checkpointStep: checkpoint.header.step,
            dataset: checkpoint.header.dataset,
            split: request.split.rawValue, seed: command.seed, samples: samples, outputs: outputs)
        let strengths = request.strengths ?? dataset.description.strengths
        for attack in request.attacks {
            let start = ContinuousClock.now
            var line = ProgressLine()
            var before = 0.0
            let shows = communicator.rank == 0 && !command.quiet && isatty(STDERR_FILENO) == 1
            let result = try evaluator.run(attack, strengths: strengths) { share in
                guard shows else { return }
                line.update(
                    "\(name)  \(attack.verbatim)", done: Int(share * 1000), of: 1000,
                    amount: Double(samples.count) * (share - before), unit: "images/s")
                before = share
            }
            if shows { line.clear() }
            if attack.name == "clean" { results.cleanOutputs = try evaluator.cleanOutputs() ?? [] }
            guard let result else { continue }
            results.attacks.append(result)
            if !command.quiet {
                let seconds = String(format: "%.1f", (ContinuousClock.now - start) / .seconds(1))
                print("\(name)  \(attack.verbatim): \(samples.count) samples in \(seconds) s")
                fflush(nil)
            }
        }
        try communicator.agree {
            guard communicator.rank == 0 else { return }
            var folder = command.output
            if command.checkpoints.count > 1 {
                folder += "/" + folderName(name)
                try FileManager.default.makeDirectory(folder)
            }
            try results.write(to: folder + "/results.h5")
        }
        return results.summary
    }
}

extension FileManager {
    /// Whether there is a directory at a path.
    func isDirectory(_ path: String) -> Bool {
        var directory: ObjCBool = false
        return fileExists(atPath: path, isDirectory: &directory) && directory.boolValue
    }

    /// Makes a directory and those above it, where they are not there.
    func makeDirectory(_ path: String) throws {
        do { try createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw Failure(.cannotCreate, "cannot create the directory \(path): \(error.localizedDescription)")
        }
    }
}
