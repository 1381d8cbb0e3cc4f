import Checkpoints
import Essentials
import Foundation
import MessagePassing

/// Evaluates each checkpoint of a run as it appears, oldest first, until the run ends: in a job of its own, or on ranks
/// beside those that train. It reads the run's files once a second and writes nothing into them.
///
/// The output directory gets a folder for each checkpoint, `step-00001200/results.h5`, and one `summary.csv` over all.
public final class CheckpointWatcher {
    private let run: String
    private let output: String
    private let communicator: Communicator
    private let settings: (CheckpointHeader) throws -> EvaluationSettings
    private let trust: Bool
    private let patience: Double
    /// Where metrics.jsonl ended when the watch began: an end of the run before that does not count.
    private let metricsStart: Int
    /// The lines of summary.csv, by the checkpoint's name in it.
    private var lines: [(name: String, lines: [String])] = []

    /// Seconds between two looks at the run's files.
    private static let interval: UInt32 = 1

    /// Gets ready. Collective: every rank of the communicator calls this with the same arguments.
    ///
    /// - Parameters:
    ///   - run: the run's directory.
    ///   - output: the directory of the results, made where it is absent.
    ///   - metricsStart: the size of metrics.jsonl before the run began, where only its end from now on counts.
    ///   - trust: read checkpoints without a seal too.
    ///   - resume: keep what the output directory holds.
    ///   - patience: seconds without a sign of a job that trains the run, after which the watch ends.
    ///   - communicator: the ranks that evaluate.
    ///   - settings: given what a checkpoint says of itself, what to evaluate it on.
    /// - Throws: `Failure` 66 where there is no run; 73 where the output directory holds an evaluation and `resume` is
    ///   false.
    public init(
        run: String, output: String, metricsStart: Int = 0, trust: Bool = false, resume: Bool,
        patience: Double = .infinity, communicator: Communicator,
        settings: @escaping (CheckpointHeader) throws -> EvaluationSettings
    ) throws {
        self.run = run
        self.output = output
        self.metricsStart = metricsStart
        self.trust = trust
        self.patience = patience
        self.communicator = communicator
        self.settings = settings
        lines = try communicator.agree {
            try Self.requireRun(run)
            try FileManager.default.makeDirectory(output)
            guard communicator.rank == 0 else { return [] }
            let summary = "\(output)/\(SummaryRow.file)"
            guard FileManager.default.fileExists(atPath: summary) else { return [] }
            guard resume else {
                throw Failure(
                    .cannotCreate, "\(output) holds an evaluation: go on with --resume, or name another directory")
            }
            let text = try String(contentsOfFile: summary, encoding: .utf8)
            return CSVText.records(text).dropFirst().reduce(into: []) { groups, line in
                let name = CSVText.fields(line)[0]
                if groups.last?.name != name { groups.append((name, [])) }
                groups[groups.count - 1].lines.append(line)
            }
        }
    }

    /// Checks that a run's directory is there. Local.
    ///
    /// - Throws: `Failure` 66 where there is none.
    public static func requireRun(_ run: String) throws {
        guard FileManager.default.isDirectory(run) else {
            throw Failure(.noInput, "\(run) is no directory of a run: name the run to watch")
        }
    }

    private enum Decision: Int64 {
        case wait, evaluate, end, stop
    }

    /// Watches until the run has ended and each of its checkpoints that is still there was evaluated, or until a signal
    /// asks to stop. Collective.
    ///
    /// - Parameters:
    ///   - note: takes a sentence for people, on rank 0.
    ///   - warn: takes the job's warnings of each checkpoint, on rank 0.
    ///   - progress: takes how far the evaluation of a checkpoint is, on rank 0.
    ///   - finished: takes the results of each checkpoint, on rank 0.
    /// - Returns: whether a signal ended the watch.
    /// - Throws: `Failure` 69 where nothing trains the run for `patience` seconds; else as ``EvaluationJob``; a
    ///   checkpoint that vanishes before it is read is no failure, one that changes is (65).
    public func watch(
        note: (String) -> Void, warn: ([String]) -> Void,
        progress: @escaping EvaluationJob.Progress = { _, _, _, _ in },
        finished: (EvaluationResults) throws -> Void
    ) throws -> Bool {
        var seen: [String: Date] = [:]
        var life = SignsOfLife(patience: patience)
        while true {
            let (decision, path) = try decide(seen, &life, note)
            let written = Self.written(path)
            switch decision {
            case .wait:
                sleep(Self.interval)
                continue
            case .end: return false
            case .stop: return true
            case .evaluate: break
            }
            let step = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            do {
                let (target, header, settings) = try communicator.agree {
                    let checkpoint = try Checkpoint.load(path, trust: trust)
                    var settings = try self.settings(checkpoint.header)
                    settings.resume = true
                    return (try TargetModel(checkpoint, seed: settings.seed), checkpoint.header, settings)
                }
                let job = try EvaluationJob(
                    target, header, name: path, communicator: communicator, settings: settings)
                seen[path] = written
                if communicator.rank == 0 { warn(job.warnings) }
                let folder = "\(output)/\(step)"
                try communicator.agree { try FileManager.default.makeDirectory(folder) }
                let results = try job.run(into: folder, progress: progress)
                try communicator.agree {
                    guard let results else { return }
                    try add(results)
                    try NetworkRow.write(NetworkRow.read(output) + [job.networkRow], to: output)
                    try finished(results)
                }
            } catch let failure as Agreed where failure.failure.code == .noInput {
                // Else it is the data that is not there.
                guard try communicator.broadcast(!FileManager.default.fileExists(atPath: path)) else { throw failure }
                seen[path] = written
                if communicator.rank == 0 { note("\(path) vanished before it could be evaluated") }
            } catch let failure as Agreed where failure.failure.code == .stopped {
                return true
            }
        }
    }

    /// The next thing to do, the same on all ranks.
    private func decide(
        _ seen: [String: Date], _ life: inout SignsOfLife, _ note: (String) -> Void
    ) throws -> (Decision, String) {
        let asked = try communicator.allReduce(Int64(StopRequest.requested ? 1 : 0), .max)
        guard asked == 0 else { return (.stop, "") }
        let (decision, path) = try communicator.agree { () -> (Decision, String) in
            guard communicator.rank == 0 else { return (.wait, "") }
            guard FileManager.default.isDirectory(run) else {
                throw Failure(.noInput, "\(run) vanished while it was watched")
            }
            // First whether it has ended: the last checkpoint is written before that is said.
            let ended = try RunDirectory.hasEnded(run, after: metricsStart)
            let next = try RunDirectory.checkpoints(in: run).first { seen[$0] != Self.written($0) }
            if let next { return (.evaluate, next) }
            if !ended, let sentence = try life.look(at: run) { note(sentence) }
            return (ended ? .end : .wait, "")
        }
        let agreed = try communicator.broadcast(decision.rawValue)
        return (Decision(rawValue: agreed) ?? .end, try communicator.broadcast(path))
    }

    /// When a file was written: a run that was started anew may write a step again.
    private static func written(_ path: String) -> Date {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.modificationDate] as? Date ?? .distantPast
    }

    private func add(_ results: EvaluationResults) throws {
        lines.removeAll { $0.name == results.subject.checkpoint }
        lines.append((results.subject.checkpoint, results.summary.map(\.line)))
        try AtomicFile.write(lines: [SummaryRow.header] + lines.flatMap(\.lines), to: "\(output)/\(SummaryRow.file)")
    }
}

/// The signs that a job still trains a run: the lock that it holds, and lines of metrics that come.
private struct SignsOfLife {
    let patience: Double
    private var size = -1
    private var last = ContinuousClock.now
    private var hasSpoken = false

    init(patience: Double) { self.patience = patience }

    /// Looks for a sign; returns a sentence where there is none for the first time.
    ///
    /// - Throws: `Failure` 69 where there was none for so long that none is waited for.
    mutating func look(at run: String) throws -> String? {
        let size = RunDirectory.metricsSize(run)
        if size != self.size || FolderLock.isHeld(run) {
            (self.size, last, hasSpoken) = (size, .now, false)
            return nil
        }
        let silence = (ContinuousClock.now - last) / .seconds(1)
        guard silence < patience else {
            throw Failure(
                .unavailable,
                "\(run) has not ended, and no job has worked on it for \(Int(silence)) s: resume its training, or "
                    + "evaluate its checkpoints without --watch")
        }
        // A job that has just been killed may be resumed at once.
        guard !hasSpoken, silence >= min(5, patience / 2) else { return nil }
        hasSpoken = true
        return "no job works on \(run): waiting for it to be resumed"
            + (patience.isFinite ? ", up to \(Int(patience)) s" : "")
    }
}
