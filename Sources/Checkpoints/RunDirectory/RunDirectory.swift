import Essentials
import Foundation
import HDF5Files

/// The directory of a training run, held by this process alone until the value is gone.
///
///     recipe.yaml  metrics.jsonl  lock
///     checkpoints/step-00001200.h5 ...  checkpoints/latest  checkpoints/best
///
/// Local: one rank opens it. Not for use from several threads at once, but that one may `save` while another appends to
/// the metrics.
public final class RunDirectory {
    /// The directory.
    public let path: String
    private let lock: FolderLock
    /// The directory, where it was absent, behind those above it that were.
    private let made: [String]
    var metrics: Int32 = -1
    /// Lines that could not be written to metrics.jsonl yet.
    var unwritten: [UInt8] = []

    /// Opens a run directory, making it where it is absent, takes its lock, and removes the temporary files that a
    /// killed job left.
    ///
    /// With `resume`, a directory without a run is fine too: `latestValid` returns nil. A last line of metrics.jsonl
    /// that a killed job wrote in part is cut off.
    ///
    /// - Parameters:
    ///   - path: the directory.
    ///   - resume: whether to go on with the run that the directory holds.
    ///   - lockTimeout: seconds to wait for the lock of a job that has just been killed.
    ///   - onWait: called some times a second during the wait, with who holds the lock; an error ends the wait.
    /// - Throws: `Failure` 73 where the directory holds a run and `resume` is false, or cannot be made; 69 where
    ///   another job is using it; 74 where it cannot be read or repaired.
    public init(
        _ path: String, resume: Bool, lockTimeout: Double = 30, onWait: (String) throws -> Void = { _ in }
    ) throws {
        self.path = path
        made = try FileManager.default.makeMissingDirectories(path)
        // Before the wait for the lock, so that the mistake is told at once, and after it, since a job may have begun.
        if !resume { try Self.refuseRun(in: path) }
        lock = try FolderLock(path, waitingUpTo: lockTimeout, onWait: onWait)
        if !resume { try Self.refuseRun(in: path) }
        try FileManager.default.makeDirectory(checkpointsPath)
        try removeTemporaries()
        try repairMetrics()
    }

    deinit {
        if metrics >= 0 { close(metrics) }
    }

    /// The folder of the checkpoints.
    public var checkpointsPath: String { Self.checkpointsPath(of: path) }

    static func checkpointsPath(of run: String) -> String { "\(run)/\(RunLayout.checkpoints)" }

    /// The resolved recipe, nil where there is none yet.
    ///
    /// - Throws: `Failure` 74 where it cannot be read, 65 where it is not UTF-8.
    public func recipe() throws -> String? {
        access("\(path)/\(RunLayout.recipe)", F_OK) == 0 ? try Self.recipe(of: path) : nil
    }

    /// The resolved recipe of a run, for readers that take no lock.
    ///
    /// - Throws: `Failure` 74 where it cannot be read, 65 where it is not UTF-8.
    public static func recipe(of run: String) throws -> String {
        let file = "\(run)/\(RunLayout.recipe)"
        guard let text = String(validating: try SealedFile.readWhole(file), as: UTF8.self) else {
            throw Failure(.data, "\(file) is not UTF-8 text; restore it or start a new run")
        }
        return text
    }

    /// Writes the resolved recipe, whole or not at all.
    ///
    /// - Throws: `Failure` 73 or 74 as `AtomicFile`.
    public func writeRecipe(_ text: String) throws { try AtomicFile.write(text, to: "\(path)/\(RunLayout.recipe)") }

    /// Removes the directory again, where this value made it and a job that failed has left nothing in it, and those
    /// above it that it made and that hold nothing else.
    public func removeIfUnused() {
        guard !made.isEmpty, access("\(path)/\(RunLayout.recipe)", F_OK) != 0, Self.metricsSize(path) == 0,
            rmdir(checkpointsPath) == 0
        else { return }
        FolderLock.removeIfUnused(path)
        for folder in made.reversed() { rmdir(folder) }
    }

    /// Refuses a directory that holds a run, for one that is new. Local; takes no lock.
    ///
    /// - Throws: `Failure` 73.
    public static func refuseRun(in path: String) throws {
        let folder = checkpointsPath(of: path)
        let isThere = FileManager.default.isDirectory(folder)
        let holdsCheckpoints = try isThere && files(in: folder).contains { RunLayout.step(ofFile: $0) != nil }
        guard holdsCheckpoints || access("\(path)/\(RunLayout.recipe)", F_OK) == 0 else { return }
        throw Failure(
            .cannotCreate, "\(path) holds a run; continue it with --resume, or choose another directory with --run")
    }

    private func removeTemporaries() throws {
        for folder in [path, checkpointsPath] {
            for name in try Self.files(in: folder) where name.contains(".partial-") { unlink("\(folder)/\(name)") }
        }
    }

    static func files(in folder: String) throws -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            throw Failure(.inputOutput, "cannot list the directory \(folder): \(error.localizedDescription)")
        }
    }
}
