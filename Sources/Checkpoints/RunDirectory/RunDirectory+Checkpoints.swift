import Essentials
import Foundation
import HDF5Files

/// The checkpoint that a run continues from.
public struct ResumePoint: Sendable {
    /// The checkpoint.
    public let checkpoint: Checkpoint
    /// Its file.
    public let path: String
    /// A sentence for each file that had to be passed over, to be shown.
    public let warnings: [String]
}

extension RunDirectory {
    /// Writes the checkpoint of its step, then makes `latest` name it, then removes old ones.
    ///
    /// At any instant `latest` names a complete file. Kept are the newest `keep` of the steps up to this one, and the
    /// one that `best` names. Files of later steps (left when a run fell back to an older one) are not touched.
    ///
    /// - Parameters:
    ///   - checkpoint: replaces an older one of the same step.
    ///   - keep: how many stay, at least 1.
    ///   - isBest: make `best` name it too.
    /// - Throws: `Failure` 73 or 74 naming the file where it cannot be made or written (a full disk); the files before
    ///   it stand then, and so does `latest`.
    public func save(_ checkpoint: Checkpoint, keep: Int, isBest: Bool = false) throws {
        precondition(keep >= 1, "a run keeps at least one checkpoint, not \(keep)")
        let name = RunLayout.checkpoint(step: checkpoint.header.step)
        try checkpoint.save(to: "\(checkpointsPath)/\(name)")
        // `best` first: a run that is killed in between resumes before this step and writes both again.
        if isBest { try AtomicFile.write(name + "\n", to: "\(checkpointsPath)/\(RunLayout.best)") }
        try AtomicFile.write(name + "\n", to: "\(checkpointsPath)/\(RunLayout.latest)")
        try removeOld(upTo: checkpoint.header.step, keep: keep)
    }

    /// The checkpoint to resume from: the one that `latest` names, or, where that is missing or damaged, the newest
    /// other one that is whole, with a warning for each file passed over. Nil where the run has no checkpoint yet.
    ///
    /// - Throws: `Failure` 65 where there are checkpoint files and none is whole.
    public func latestValid() throws -> ResumePoint? {
        var warnings: [String] = []
        var candidates = try Self.checkpointFiles(in: checkpointsPath)
        do {
            if let name = try Self.pointer(RunLayout.latest, in: checkpointsPath) {
                candidates.removeAll { $0 == name }
                candidates.insert(name, at: 0)
            } else if !candidates.isEmpty {
                warnings.append("\(checkpointsPath)/\(RunLayout.latest) is missing; taking the newest checkpoint")
            }
        } catch let failure as Failure {
            warnings.append("\(failure.message); taking the newest checkpoint")
        }
        guard !candidates.isEmpty else { return nil }
        for name in candidates {
            let file = "\(checkpointsPath)/\(name)"
            do {
                let checkpoint = try Checkpoint.load(file)
                guard RunLayout.checkpoint(step: checkpoint.header.step) == name else {
                    throw Failure(.data, "\(file) is the checkpoint of step \(checkpoint.header.step), renamed")
                }
                if !warnings.isEmpty { warnings.append("resuming from \(file), step \(checkpoint.header.step)") }
                return ResumePoint(checkpoint: checkpoint, path: file, warnings: warnings)
            } catch let failure as Failure {
                warnings.append("passed over a checkpoint: \(failure.message)")
            }
        }
        throw Failure(
            .data,
            "no checkpoint in \(checkpointsPath) is whole (\(candidates.count) tried; "
                + "\(warnings.joined(separator: "; "))); restore one, or start again in another directory")
    }

    /// The path of the checkpoint that `latest` of a run directory names, for readers that take no lock.
    ///
    /// - Throws: `Failure` 66 where the directory holds no checkpoint, 65 where `latest` is damaged.
    public static func latestCheckpoint(in run: String) throws -> String {
        let folder = checkpointsPath(of: run)
        guard let name = try pointer(RunLayout.latest, in: folder) else {
            throw Failure(
                .noInput, "\(run) holds no checkpoint (\(folder)/\(RunLayout.latest) is missing); name a run or a file")
        }
        return "\(folder)/\(name)"
    }

    /// The checkpoint file that a person means: a file; a run's directory, for the one that its `latest` or `best`
    /// names; or such a pointer itself, `RUN/checkpoints/best`.
    ///
    /// - Throws: `Failure` 66 where the run holds no such checkpoint, 65 where the pointer is damaged, 64 where the
    ///   best one of a file is asked for.
    public static func checkpointFile(_ path: String, best: Bool = false) throws -> String {
        if FileManager.default.isDirectory(path) {
            guard best else { return try latestCheckpoint(in: path) }
            let folder = "\(path)/\(RunLayout.checkpoints)"
            guard let name = try pointer(RunLayout.best, in: folder) else {
                throw Failure(
                    .noInput, "\(path) holds no best checkpoint: train with a validation split (validation: 1000)")
            }
            return "\(folder)/\(name)"
        }
        guard !best else { throw Failure(.usage, "--best goes with a run's directory, and \(path) is none") }
        let (folder, name) = ((path as NSString).deletingLastPathComponent, (path as NSString).lastPathComponent)
        guard [RunLayout.latest, RunLayout.best].contains(name),
            (folder as NSString).lastPathComponent == RunLayout.checkpoints,
            let file = try pointer(name, in: folder)
        else { return path }
        return "\(folder)/\(file)"
    }

    /// The paths of a run's checkpoints, oldest step first, for readers that take no lock; none where it has written
    /// none yet.
    public static func checkpoints(in run: String) throws -> [String] {
        let folder = checkpointsPath(of: run)
        guard try isThere(folder) else { return [] }
        return try checkpointFiles(in: folder).reversed().map { "\(folder)/\($0)" }
    }

    /// True where there is a file or directory at a path, false where there is none.
    ///
    /// - Throws: `Failure` 66 where a directory on the way may not be searched: then nobody knows.
    static func isThere(_ path: String) throws -> Bool {
        if access(path, F_OK) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else { throw systemFailure(.noInput, "read", path) }
        return false
    }

    /// The checkpoint files, newest first.
    private static func checkpointFiles(in folder: String) throws -> [String] {
        try files(in: folder).compactMap { name in RunLayout.step(ofFile: name).map { (step: $0, name: name) } }
            .sorted { $0.step > $1.step }.map(\.name)
    }

    /// The name that the file `latest` or `best` holds; nil where there is no such file.
    private static func pointer(_ kind: String, in folder: String) throws -> String? {
        let file = "\(folder)/\(kind)"
        guard try isThere(file) else { return nil }
        let text = String(decoding: try SealedFile.readWhole(file), as: UTF8.self)
        let name = String(text.dropLast())
        guard text.last == "\n", RunLayout.step(ofFile: name) != nil else {
            throw Failure(.data, "\(file) is damaged: it should be a line with the name of a checkpoint")
        }
        return name
    }

    private func removeOld(upTo step: Int, keep: Int) throws {
        let best: String?
        do { best = try Self.pointer(RunLayout.best, in: checkpointsPath) } catch {
            // Without knowing which is the best, none is removed.
            return
        }
        let past = try Self.checkpointFiles(in: checkpointsPath).filter { (RunLayout.step(ofFile: $0) ?? .max) <= step }
        for name in past.dropFirst(keep) where name != best { unlink("\(checkpointsPath)/\(name)") }
    }
}
