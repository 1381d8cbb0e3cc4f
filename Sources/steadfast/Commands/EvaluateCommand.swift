import ArgumentParser
import Benchmarks
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
struct EvaluateCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Attack trained networks and record every sample, alone or under mpirun.",
        discussion: """
            Attacks: \(AttackCatalogue.names.joined(separator: ", ")). Parameters follow a name: \
            fgs-lmax:gradient-mode=batch. DIR gets summary.csv and results.h5 (in a folder for each checkpoint where \
            there are several).
            """)

    @Argument(
        help: "Checkpoints, run directories (their latest checkpoint), or networks of the format ONNX.",
        completion: .file())
    var checkpoints: [String]

    @OptionGroup var choice: CheckpointChoice

    @OptionGroup var attacking: AttackChoice

    @Option(help: "Evaluate every K-th image, from the first.")
    var every = 1

    @Option(help: "The images: test, train or validation.", completion: .splits)
    var split = "test"

    @Option(help: "The directory for the results.", completion: .directory)
    var output: String

    @Option(help: "The key of all random numbers.")
    var seed: UInt64 = 1

    @Option(help: "The most samples that a rank is dealt at a time; the records do not depend on it.")
    var chunk: Int?

    @Flag(
        help: "Say whether gradients are masked, on at most 256 samples: diagnosis.csv, a table and a line of verdict.")
    var diagnose = false

    @Flag(help: "Keep the perturbed images in results.h5 too.")
    var images = false

    @Flag(help: "Go on with the evaluation that the directory holds.")
    var resume = false

    @Flag(help: "Evaluate each checkpoint of a run as it appears, until the run ends.")
    var watch = false

    @Option(
        help: """
            With --watch: seconds without a job that trains the run, after which the watch ends; inf: never. Default: \
            600.
            """)
    var patience: Double?

    @Option(help: "Seconds without progress of any rank, after which the job ends (71); 0: never.")
    var stallTimeout = 300.0

    @Option(
        help: """
            Another data set than the network was trained on; one of changed test images (CIFAR-10-C, MNIST-C) part by \
            part. For networks of the format ONNX: the set that they are for.
            """,
        completion: .datasets)
    var dataset: String?

    @OptionGroup var importOptions: ImportOptions

    @OptionGroup var location: DataLocation

    @OptionGroup var options: JobOptions

    func run() throws {
        Communicator.main(deadline: watchTimeout) { try run($0) }
    }

    /// Evaluates, on all ranks of a communicator, and watches them; collective.
    func run(_ communicator: Communicator) throws {
        try Watchdog.during(communicator, timeout: watchTimeout) {
            try Progress.during(.evaluating) { try evaluate(communicator) }
        }
    }

    /// Of a wrong one is told later, by all ranks together.
    private var watchTimeout: Double { max(0, min(1e6, stallTimeout)) }

    private func evaluate(_ communicator: Communicator) throws {
        try StopRequest.install()
        guard !options.dryRun else { return try forecast(communicator) }
        // What can be known before the work is known before it, and before a folder is made.
        let (request, read, imports, isNew) = try communicator.agree {
            let request = try checkedRequest()
            let networks = try readNetworks(request, communicator)
            return (request, networks.read, networks.imports, !FileManager.default.isDirectory(output))
        }
        let lock = try communicator.agree { () throws -> FolderLock? in
            try FileManager.default.makeDirectory(output)
            guard communicator.rank == 0 else { return nil }
            try AtomicFile.requireWritable(folder: output)
            let notice = LockNotice()
            let patience = resume ? LockNotice.patience(stallTimeout: stallTimeout) : 1
            return try FolderLock(output, waitingUpTo: patience) { try notice($0) }
        }
        defer { if isNew, lock != nil { FolderLock.removeIfUnused(output) } }
        if watch { return try watch(request, communicator) }
        try communicator.agree { for (name, network) in imports { try save(network, importedFrom: name) } }
        let subjects = try communicator.agree { try checkpoints.map { try read[$0] ?? load($0) } }
        let parts = try parts(communicator)
        var (rows, networks): ([SummaryRow], [NetworkRow]) = ([], [])
        var warnings = EvaluationWarnings()
        var diagnosed: [EvaluationJob] = []
        var reporter = EvaluationReporter(communicator.rank == 0 && !options.quiet)
        for part in parts {
            let jobs = try subjects.map { try job($0, request, among: subjects, part, communicator) }
            if communicator.rank == 0 { warnings.tell(of: jobs.flatMap(\.warnings)) }
            var all: [EvaluationResults] = []
            for job in jobs {
                let results = try job.run(into: try communicator.agree { try made(folder(job.name, part)) }) {
                    reporter.chunk(job.name, $0, done: $1, of: $2, samples: $3)
                }
                guard let results else { continue }
                all.append(results)
                reporter.finished(results)
            }
            rows += all.flatMap(\.summary)
            networks += jobs.map(\.networkRow)
            try communicator.agree {
                guard communicator.rank == 0 else { return }
                // The other tables say nothing of data sets: each part has its own.
                try JudgementFiles.write(all, to: try made(judgementFolder(part)))
            }
            if part == parts.first { diagnosed = jobs }
        }
        try communicator.agree {
            guard communicator.rank == 0 else { return }
            try NetworkRow.write(networks, to: output)
            try AtomicFile.write(lines: [SummaryRow.header] + rows.map(\.line), to: "\(output)/\(SummaryRow.file)")
            if !options.quiet { print("\n\(SummaryTable(rows))\nwritten: \(output)/\(SummaryRow.file)") }
        }
        // The verdict is the last line. Of several sets the first one's images are looked at.
        if diagnose { try diagnose(diagnosed, request, communicator) }
    }

    /// Refuses options that are wrong whatever the networks are; returns what they ask for. Local.
    private func checkedRequest() throws -> EvaluationRequest {
        let request = try EvaluationRequest(self)
        let folders = checkpoints.map(folderName)
        guard Set(folders).count == folders.count else {
            throw Failure(.usage, "two of the checkpoints have the same name: name each once")
        }
        guard (0...1e6).contains(stallTimeout) else {
            throw Failure(.usage, "--stall-timeout has to be a number of seconds, 0 to 1000000")
        }
        guard patience.map({ (0...1e6).contains($0) || $0 == .infinity }) ?? true else {
            throw Failure(.usage, "--patience has to be a number of seconds, 0 to 1000000, or inf: for ever")
        }
        guard chunk ?? 1 >= 1 else { throw Failure(.usage, "--chunk has to be at least 1") }
        guard watch else {
            guard patience == nil else { throw Failure(.usage, "--patience goes with --watch") }
            return request
        }
        guard checkpoints.count == 1, !choice.best else {
            throw Failure(.usage, "--watch takes one run, without --best")
        }
        guard dataset == nil else {
            throw Failure(.usage, "--dataset does not go with --watch: evaluate a checkpoint when it is there")
        }
        guard !diagnose else {
            throw Failure(.usage, "--diagnose does not go with --watch: diagnose a checkpoint when it is there")
        }
        return request
    }

    /// Reads the networks, and makes their attacks once: what cannot be read, evaluated or attacked is refused before a
    /// folder is made. Of a run to watch its directory has to be there. Local.
    ///
    /// - Returns: the networks of checkpoints, by their names; on rank 0 also what each one of the format ONNX becomes.
    private func readNetworks(
        _ request: EvaluationRequest, _ communicator: Communicator
    ) throws -> (read: [String: EvaluatedNetwork], imports: [String: Checkpoint]) {
        guard !watch else {
            try CheckpointWatcher.requireRun(checkpoints[0])
            return ([:], [:])
        }
        var (read, imports): ([String: EvaluatedNetwork], [String: Checkpoint]) = ([:], [:])
        var subjects: [EvaluatedNetwork] = []
        for name in checkpoints {
            guard ImportOptions.isForeign(name) else {
                let network = try load(name)
                read[name] = network
                subjects.append(network)
                continue
            }
            guard communicator.rank == 0 else { continue }
            let network = try importOptions.imported(name, dataset: dataset, directory: location.dataDirectory)
            imports[name] = network
            subjects.append((name, network.header, try TargetModel(network, seed: seed)))
        }
        // A rank that has no import is not to judge what is made of several.
        guard subjects.count == checkpoints.count else { return (read, imports) }
        for subject in subjects {
            let settings = try request.settings(for: subject.header)
            let context = AttackContext(subject.target, others: others(of: subject, among: subjects, settings))
            for attack in settings.attacks { _ = try AttackCatalogue.attack(attack, context) }
        }
        return (read, imports)
    }

    /// Saves what a network of the format ONNX became where ``load(_:)`` looks for it. Local.
    private func save(_ network: Checkpoint, importedFrom name: String) throws {
        let path = try checkpoint(name)
        var network = network
        // An evaluation that goes on has to find the same bytes.
        if let old = try? Checkpoint.load(path) {
            network.header.created = old.header.created
            if network.contentDigest == old.contentDigest { return }
        }
        try FileManager.default.makeDirectory("\(output)/imported")
        try network.save(to: path)
    }

    /// The data sets that the networks are evaluated on in turn: nil for the one that each was trained on. Collective.
    private func parts(_ communicator: Communicator) throws -> [EvaluatedSet?] {
        guard let dataset else { return [nil] }
        let text = try communicator.agree { () throws -> String in
            guard communicator.rank == 0 else { return "" }
            let parts = try Dataset.parts(of: dataset, directory: location.dataDirectory)
            guard parts.isEmpty else { return parts.map { "\($0.locator)\n\($0.name)" }.joined(separator: "\n") }
            return "\(dataset)\n\(dataset)"
        }
        let lines = try communicator.broadcast(text).split(separator: "\n").map(String.init)
        return stride(from: 0, to: lines.count - 1, by: 2).map { EvaluatedSet(locator: lines[$0], name: lines[$0 + 1]) }
    }

    /// An estimate of what the evaluation of the first checkpoint takes; writes nothing. Collective.
    func estimate(_ communicator: Communicator) throws -> EvaluationForecast {
        let network = try communicator.agree { try load(checkpoints[0]) }
        let request = try communicator.agree { try EvaluationRequest(self) }
        return try job(network, request, among: [network], nil, communicator).forecast(seconds: 1)
    }

    /// Estimates what the evaluation takes; writes nothing. Collective.
    private func forecast(_ communicator: Communicator) throws {
        let request = try communicator.agree { () throws -> EvaluationRequest in
            guard !watch, !diagnose, !checkpoints.contains(where: ImportOptions.isForeign) else {
                throw Failure(
                    .usage,
                    "--dry-run goes without --watch, --diagnose and files of the format ONNX, which it cannot estimate")
            }
            return try checkedRequest()
        }
        let parts = try parts(communicator)
        let subjects = try communicator.agree { try checkpoints.map(load) }
        for (subject, part) in subjects.flatMap({ subject in parts.map { (subject, $0) } }) {
            let job = try job(subject, request, among: subjects, part, communicator)
            try communicator.agree { if communicator.rank == 0 { try job.check(folder(subject.name, part)) } }
            let forecast = try job.forecast()
            guard communicator.rank == 0 else { continue }
            let ranks = communicator.worldSize
            let title = part.map { "\(subject.name) on \($0.name)" } ?? subject.name
            print("\(title), \(forecast.samples) samples on \(counted(ranks, "rank"))")
            for attack in forecast.attacks {
                print("  \(attack.name): \(durationText(attack.seconds)), by \(attack.timed) samples")
            }
            print("time      \(durationText(forecast.seconds)) here; ranks share the samples")
            print("memory    \(fixed(forecast.memory / 1e6, 1)) MB a rank")
            print("files     results.h5 of at most \(fixed(Double(forecast.bytes) / 1e6, 1)) MB")
        }
    }

    /// The masking verdict on each network; collective.
    private func diagnose(
        _ jobs: [EvaluationJob], _ request: EvaluationRequest, _ communicator: Communicator
    ) throws {
        let asked = request.strengths?.filter { $0 > 0 } ?? []
        var lines = [Diagnosis.header]
        for job in jobs {
            let diagnosis = try job.diagnose(strength: asked.count == 1 ? asked[0] : nil)
            guard let diagnosis else { continue }
            lines += diagnosis.lines(job.name)
            let title = "\(job.name), \(diagnosis.samples) samples at eps \(diagnosis.strength)"
            if !options.quiet { print("\n\(title)\n\(diagnosis.table)") }
            if options.quiet && jobs.count > 1 { print(job.name) }
            print(diagnosis.verdict)
            fflush(nil)
        }
        try communicator.agree {
            guard communicator.rank == 0 else { return }
            try AtomicFile.write(lines: lines, to: "\(output)/\(Diagnosis.file)")
        }
    }

    private func watch(_ request: EvaluationRequest, _ communicator: Communicator) throws {
        let watcher = try CheckpointWatcher(
            run: checkpoints[0], output: output, trust: choice.trust, resume: resume, patience: patience ?? 600,
            communicator: communicator
        ) { try request.settings(for: $0) }
        var reporter = EvaluationReporter(communicator.rank == 0 && !options.quiet)
        var warnings = EvaluationWarnings()
        let stopped = try watcher.watch(note: { reporter.note($0) }, warn: { warnings.tell(of: $0) }) { results in
            reporter.finished(results)
            reporter.note("\(SummaryTable(results.summary))\n")
        }
        try communicator.agree {
            if stopped { throw Failure(.stopped, "stopped by a signal; what is done is kept: go on with --resume") }
        }
    }

    /// The evaluation of a network; collective.
    ///
    /// - Parameters:
    ///   - subjects: all networks that are evaluated, where an attack is made on the other ones.
    ///   - part: the data set; nil for the one that the network was trained on.
    private func job(
        _ subject: EvaluatedNetwork, _ request: EvaluationRequest, among subjects: [EvaluatedNetwork],
        _ part: EvaluatedSet?, _ communicator: Communicator
    ) throws -> EvaluationJob {
        let (settings, others) = try communicator.agree {
            var settings = try request.settings(for: subject.header)
            // What the network is for anyway has no other name.
            if let part, part.locator != subject.header.dataset {
                settings.dataset = (part.locator, part.name)
                settings.validation = (0, .random, 0)
            }
            return (settings, self.others(of: subject, among: subjects, settings))
        }
        return try EvaluationJob(
            subject.target, subject.header, name: subject.name, others: others, communicator: communicator,
            settings: settings)
    }

    /// The networks that an attack on another one is made on: none where no attack asks for them.
    private func others(
        of subject: EvaluatedNetwork, among subjects: [EvaluatedNetwork], _ settings: EvaluationSettings
    ) -> [(name: String, target: TargetModel)] {
        guard settings.attacks.contains(where: { $0.entry?.kind == .transfer }) else { return [] }
        return subjects.filter { $0.name != subject.name }.map { ($0.name, $0.target) }
    }

    /// Reads a network. The checkpoint's other tensors, such as momentum, are not kept. Local.
    private func load(_ name: String) throws -> EvaluatedNetwork {
        let checkpoint = try Checkpoint.load(try checkpoint(name), trust: choice.trust)
        return (name, checkpoint.header, try TargetModel(checkpoint, seed: seed))
    }

    /// The checkpoint of a network: the latest or best one of a run, or the one that a network of the format ONNX
    /// becomes.
    private func checkpoint(_ name: String) throws -> String {
        ImportOptions.isForeign(name)
            ? "\(output)/imported/\(folderName(name)).h5" : try RunDirectory.checkpointFile(name, best: choice.best)
    }

    /// The folder of a checkpoint's results.
    private func folder(_ checkpoint: String, _ part: EvaluatedSet?) -> String {
        judgementFolder(part) + (checkpoints.count > 1 ? "/" + folderName(checkpoint) : "")
    }

    /// The folder of the tables on a part of a data set: of the whole where it is not in parts.
    private func judgementFolder(_ part: EvaluatedSet?) -> String {
        guard let part, part.isPart else { return output }
        return output + "/" + folderName(part.name)
    }

    /// A folder, which is there from now on.
    private func made(_ folder: String) throws -> String {
        try FileManager.default.makeDirectory(folder)
        return folder
    }
}

/// A network to evaluate: what it is called in results, and what its checkpoint says of it.
private typealias EvaluatedNetwork = (name: String, header: CheckpointHeader, target: TargetModel)

/// A data set that networks are evaluated on, or a part of one.
private struct EvaluatedSet: Equatable {
    /// The name by which it is located.
    let locator: String
    /// Its name in results.
    let name: String

    var isPart: Bool { locator != name }
}

/// The folder of a checkpoint's results where there are several.
private func folderName(_ checkpoint: String) -> String { checkpoint.replacingOccurrences(of: "/", with: "_") }
