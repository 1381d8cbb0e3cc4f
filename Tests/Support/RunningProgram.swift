import Essentials
import Foundation

/// A program that a test started, with the processes under it.
public final class RunningProgram {
    /// The process that the test started: mpirun, or the program itself.
    public let identifier: Int32
    private let folder: URL
    private let started = Date()
    private var waitStatus: Int32?

    init(_ path: String, _ arguments: [String], environment: [String: String]) throws {
        folder = URL(fileURLWithPath: try TemporaryFile.makeFolder())
        // Files, since a full pipe would stop the program.
        let (output, errors) = (folder.appendingPathComponent("output"), folder.appendingPathComponent("errors"))
        identifier = try spawn(
            path, arguments,
            streams: [
                .file("/dev/null", O_RDONLY), .file(output.path, O_WRONLY | O_CREAT),
                .file(errors.path, O_WRONLY | O_CREAT),
            ],
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }, leadsGroup: true)
    }

    deinit {
        if isRunning { killAll() }
        try? FileManager.default.removeItem(at: folder)
    }

    /// True where that process runs.
    public var isRunning: Bool {
        guard waitStatus == nil else { return false }
        var status: Int32 = 0
        if waitpid(identifier, &status, WNOHANG) == identifier { waitStatus = status }
        return waitStatus == nil
    }

    /// Sends a signal to that process, if it runs.
    public func signal(_ number: Int32) {
        if isRunning { kill(identifier, number) }
    }

    /// The process of a rank, nil before it runs.
    public func process(ofRank rank: Int) -> Int32? {
        descendants().first { process in
            let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
            return environment.split(separator: 0).contains(Data("OMPI_COMM_WORLD_RANK=\(rank)".utf8))
        }
    }

    /// Halts the processes of so many ranks.
    public func halt(ranks: Int) -> HaltedProcesses { HaltedProcesses((0..<ranks).compactMap { process(ofRank: $0) }) }

    /// Waits until the standard output so far satisfies a condition.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds, or when the program ends before.
    public func waitForOutput(timeout: Double = 30, _ condition: (String) -> Bool) throws {
        let limit = Date().addingTimeInterval(timeout)
        while !condition(read("output")) {
            let isOver = !isRunning
            guard Date() < limit, !isOver || condition(read("output")) else {
                killAll()
                throw Failure(
                    .software, "\(isOver ? "ended" : "still waiting"), with:\n\(read("output"))\(read("errors"))")
            }
            usleep(10_000)
        }
    }

    /// Waits for the end.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds; all processes are killed then.
    public func wait(timeout: Double = 60) throws -> ProgramResult {
        let limit = Date().addingTimeInterval(timeout)
        while isRunning {
            guard Date() < limit else {
                killAll()
                throw Failure(.software, "not over after \(timeout) s, with:\n\(read("output"))\(read("errors"))")
            }
            usleep(5_000)
        }
        let seconds = Date().timeIntervalSince(started)
        // Low byte: the signal that ended it; the next one: its exit code.
        let code = waitStatus ?? 0
        let status = code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
        return ProgramResult(status: status, output: read("output"), errors: read("errors"), seconds: seconds)
    }

    /// Kills every process under this one, and it. (Ranks are no part of mpirun's process group.)
    public func killAll() {
        let processes = descendants()
        signal(SIGKILL)
        for process in processes { kill(process, SIGKILL) }
        while isRunning { usleep(1_000) }
    }

    private func read(_ name: String) -> String {
        String(
            decoding: FileManager.default.contents(atPath: folder.appendingPathComponent(name).path) ?? Data(),
            as: UTF8.self)
    }

    /// True where a process is there and not merely unburied.
    public static func isAlive(_ process: Int32) -> Bool { status(process).map { $0.state != "Z" } ?? false }

    private static func status(_ process: Int32) -> (state: Substring, parent: Int32)? {
        // "pid (name) state parent ..."; the name may hold anything.
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat"),
            let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " "),
            fields.count > 1, let parent = Int32(fields[1])
        else { return nil }
        return (fields[0], parent)
    }

    private func descendants() -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = Int32(name), let status = RunningProgram.status(process) else { continue }
            children[status.parent, default: []].append(process)
        }
        var found: [Int32] = []
        var open = [identifier]
        while let process = open.popLast() {
            found += children[process] ?? []
            open += children[process] ?? []
        }
        return found
    }
}
