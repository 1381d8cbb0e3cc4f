import Checkpoints
import Essentials
import Foundation

/// A run as a list of runs shows it.
public struct RunSummary: Sendable {
    /// The state of a run's training.
    public enum State: String, Sendable {
        /// A job holds its lock.
        case running
        /// It has come to its last step.
        case finished
        /// It ended before that, and saved its last step.
        case stopped
        /// It ended without saving its last step: resumed, it computes the steps since its last checkpoint again.
        case dead
    }

    /// The directory.
    public let path: String
    /// The state.
    public let state: State
    /// The last step that its record holds, and the step of its newest checkpoint; nil where there is none.
    public let step, savedStep: Int?
    /// The errors of its last epoch: of training, of validation, of validation under attack; nil where there is none.
    public let error, validation, attacked: Double?
    /// The bytes of its files.
    public let bytes: Int

    /// Reads the run of a directory. Local; takes no lock.
    ///
    /// - Throws: `Failure` 66 or 74 where its files cannot be read.
    public init(_ path: String) throws {
        self.path = path
        var metrics = RunMetrics(run: path, steps: true)
        try metrics.readOn()
        step = metrics.steps.last?.step ?? metrics.epochs.last?.step
        savedStep = try RunDirectory.checkpoints(in: path).last.flatMap { NetworkName(path: $0).step }
        let epoch = metrics.epochs.last
        (error, validation, attacked) = (epoch?.error, epoch?.validation, epoch?.attacked)
        bytes = Self.size(path)
        let isSaved = step == nil || savedStep == step
        state = FolderLock.isHeld(path) ? .running : metrics.hasEnded ? .finished : isSaved ? .stopped : .dead
    }

    /// The runs in and below a directory, by path. Links are not followed.
    ///
    /// - Throws: `Failure` 66 where there is no such directory or none is in it.
    public static func find(in directory: String) throws -> [RunSummary] {
        guard FileManager.default.isDirectory(directory) else {
            throw Failure(.noInput, "\(directory) is no directory: name a run, or a directory of runs")
        }
        let paths = try search(directory)
        guard !paths.isEmpty else { throw Failure(.noInput, "no run in \(directory) or below") }
        return try paths.map(RunSummary.init)
    }

    /// Removes a run with all that lies in its directory.
    ///
    /// - Throws: `Failure` 66 where there is no run, 69 where a job is using it, 73 where other runs lie in it, 74
    ///   where files cannot be removed.
    public static func remove(_ path: String) throws {
        let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        guard kind == .typeDirectory, isRun(path) else {
            throw Failure(.noInput, "\(path) is no directory of a run: nothing is removed")
        }
        if let other = try searchBelow(path).first {
            throw Failure(
                .cannotCreate, "\(path) holds another run, \(other), too: move that away first; nothing is removed")
        }
        // Held until the files are gone, so that no job begins with them.
        let lock = try FolderLock(path, waitingUpTo: 0)
        defer { withExtendedLifetime(lock) {} }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw Failure(.inputOutput, "cannot remove \(path): \(error.localizedDescription)")
        }
    }

    private static func isRun(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(RunLayout.recipe)")
            && FileManager.default.fileExists(atPath: "\(path)/\(RunLayout.lock)")
    }

    private static func search(_ folder: String) throws -> [String] {
        try (isRun(folder) ? [folder] : []) + searchBelow(folder)
    }

    private static func searchBelow(_ folder: String) throws -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw Failure(.noInput, "cannot list the directory \(folder): \(error.localizedDescription)")
        }
        return try names.flatMap { name -> [String] in
            let path = (folder == "." ? "" : folder + "/") + name
            let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            return kind == .typeDirectory ? try search(path) : []
        }
    }

    private static func size(_ folder: String) -> Int {
        let paths = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return paths.reduce(0) { sum, name in
            var status = stat()
            return lstat("\(folder)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }
}

/// Runs as people read them: a run a row.
public struct RunList: CustomStringConvertible {
    private let runs: [RunSummary]

    /// The list of some runs.
    public init(_ runs: [RunSummary]) { self.runs = runs }

    /// The text, a line each, without a newline at the end.
    public var description: String {
        let heading = ["run", "state", "step", "saved", "error", "validation", "attacked", "size"]
        let rows =
            [heading]
            + runs.map { run in
                func text(_ value: Double?) -> String { value.map { fixed($0, 4) } ?? "" }
                return [
                    run.path, run.state.rawValue, run.step.map(String.init) ?? "", run.savedStep.map(String.init) ?? "",
                    text(run.error), text(run.validation), text(run.attacked), Self.size(run.bytes),
                ]
            }
        return textTable(rows, words: 2).joined(separator: "\n")
    }

    private static func size(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }
}
