import Checkpoints
import Essentials
import Foundation
import Recipes
import Robustness

/// The directory of a sweep, which several jobs may work in at once: each run is one job's at a time.
///
///     sweep.yaml                            the sweep: a recipe with a section `sweep`
///     recipes/002.yaml                      the recipe of a configuration, every value present
///     002-learning_rate=0.003/seed-1/       a run, and in it evaluation/ of its best network
///     jobs/0004/                            the lock of a run, and failure.txt where it failed
///     sweep.csv  times.csv  table.txt  best.yaml  report/       when all runs are done
public struct SweepDirectory: Sendable {
    /// The directory.
    public let path: String
    /// The sweep.
    public let sweep: Sweep
    /// Its runs.
    public let runs: [SweepRun]

    /// The directory of a sweep; nothing is read or made.
    public init(_ path: String, _ sweep: Sweep, runs: [SweepRun]) {
        (self.path, self.sweep, self.runs) = (path, sweep, runs)
    }

    /// The file that names the sweep.
    public static func file(in path: String) -> String { "\(path)/sweep.yaml" }

    /// True where a directory is one of a sweep.
    public static func isSweep(_ path: String) -> Bool { access(file(in: path), F_OK) == 0 }

    /// The rounds in which the runs are trained: one where nothing is halved.
    public var rounds: [(epochs: Int, configurations: Int)] {
        sweep.search.rounds(
            configurations: Set(runs.map(\.configuration)).count, epochs: runs.map(\.recipe.epochs).max() ?? 1)
    }

    /// The path of a run.
    public func path(of run: SweepRun) -> String { "\(path)/\(run.path)" }

    /// The file with the recipe of a run's configuration.
    public func recipe(of run: SweepRun) -> String {
        let digits = run.path.prefix { $0 != "-" && $0 != "/" }
        return "\(path)/recipes/\(digits).yaml"
    }

    /// The evaluation of a run's best network.
    public func evaluation(of run: SweepRun) -> String { "\(path(of: run))/\(RunLayout.evaluation)" }

    /// Refuses a directory that holds a run or another sweep; makes nothing. Local.
    ///
    /// - Throws: `Failure` 73; 65 where the file of its sweep is damaged.
    public func check() throws {
        guard access("\(path)/\(RunLayout.recipe)", F_OK) != 0 else {
            throw Failure(.cannotCreate, "\(path) holds a run: choose another directory for the sweep")
        }
        guard Self.isSweep(path) else { return }
        let differences = try sweep.differences(from: try Self.sweep(in: path))
        guard differences.isEmpty else {
            throw Failure(
                .cannotCreate,
                "\(path) holds another sweep (\(differences.joined(separator: "; "))): go on with it by `steadfast "
                    + "sweep \(path.shellWord)`, or choose another directory")
        }
    }

    /// Makes the directory, or takes up one that holds the same sweep. Local: one rank calls this.
    ///
    /// - Throws: as ``check()``; `Failure` 73 where it cannot be made.
    public func open() throws {
        // Before a folder is made, and after the wait for the lock: of two sweeps that begin together one is told.
        try check()
        try FileManager.default.makeDirectory(path + "/jobs")
        let lock = try FolderLock(path + "/jobs", waitingUpTo: 30)
        defer { withExtendedLifetime(lock) {} }
        try check()
        if !Self.isSweep(path) { try AtomicFile.write(sweep.yaml, to: Self.file(in: path)) }
        try FileManager.default.makeDirectory(path + "/recipes")
        for run in runs where access(recipe(of: run), F_OK) != 0 {
            try AtomicFile.write(run.recipe.yaml, to: recipe(of: run))
        }
    }

    /// The sweep that a directory holds.
    ///
    /// - Throws: `Failure` 66 where it holds none, 65 where its file is damaged.
    public static func sweep(in path: String) throws -> Sweep {
        guard isSweep(path) else {
            throw Failure(.noInput, "\(path) holds no sweep (\(file(in: path)) is missing): name a recipe")
        }
        do { return try Sweep(file(in: path)) } catch let failure as Failure where failure.code == .usage {
            throw Failure(.data, "\(failure.message): that is no sweep of this program; choose another directory")
        }
    }

    // MARK: Jobs

    /// Takes a run for this job, until the lock is gone; nil where another job keeps it. Local: one rank calls this.
    ///
    /// - Throws: `Failure` 69 where the file system has no locks, 73 where the directory cannot be made; what `onWait`
    ///   throws.
    public func claim(
        _ run: SweepRun, waitingUpTo seconds: Double, onWait: (String) throws -> Void = { _ in }
    ) throws -> FolderLock? {
        let folder = job(run)
        try FileManager.default.makeDirectory(folder)
        return try FolderLock.claim(folder, waitingUpTo: seconds, onWait: onWait)
    }

    private func job(_ run: SweepRun) -> String {
        let digits = String(run.number)
        return "\(path)/jobs/" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Writes down why a run failed; nil: it did not.
    public func note(_ failure: String?, of run: SweepRun) throws {
        let file = job(run) + "/failure.txt"
        if let failure { try AtomicFile.write(failure + "\n", to: file) } else { unlink(file) }
    }

    /// The reason why a run failed, in its last job; nil where it did not.
    public func failure(of run: SweepRun) -> String? {
        (try? String(contentsOfFile: job(run) + "/failure.txt", encoding: .utf8))?
            .trimmingCharacters(in: .newlines)
    }

    /// The newest step that a run has saved, where its training has ended there; nil else.
    public func endedStep(of run: SweepRun) throws -> Int? {
        let path = path(of: run)
        guard FileManager.default.isDirectory(path), try RunDirectory.hasEnded(path) else { return nil }
        return try RunDirectory.checkpoints(in: path).last.flatMap { NetworkName(path: $0).step }
    }

    /// True where a run's best network is evaluated.
    public func isEvaluated(_ run: SweepRun) -> Bool {
        access("\(evaluation(of: run))/\(SummaryRow.file)", F_OK) == 0
    }
}
