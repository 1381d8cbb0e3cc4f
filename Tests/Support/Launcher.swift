import Essentials
import Foundation
import Testing

/// The outcome of a finished program.
public struct ProgramResult: Sendable {
    /// The exit code; 128 + the signal's number for a program that a signal ended.
    public let status: Int32
    /// Standard output.
    public let output: String
    /// Standard error.
    public let errors: String
    /// The time that it took, in seconds.
    public let seconds: Double

    /// The lines of standard output, empty ones left out.
    public var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs a built program under mpirun, waits for it and returns what it left.
///
/// - Parameters:
///   - ranks: more than the machine has cores are fine.
///   - program: `RankProgram` or `steadfast`.
///   - environment: added to this process's.
///   - timeout: in seconds; then all of its processes are killed.
/// - Throws: `Failure` 69 when mpirun or the program is missing, 70 after the timeout.
public func mpirun(
    ranks: Int, _ program: String, arguments: [String], environment: [String: String] = [:], timeout: Double = 60
) throws -> (status: Int32, output: String, errors: String) {
    let result = try spawnMpirun(ranks: ranks, program, arguments: arguments, environment: environment)
        .wait(timeout: timeout)
    return (result.status, result.output, result.errors)
}

/// Starts a built program under mpirun, for tests that signal or kill ranks while they run.
///
/// - Parameter through: a command and its first arguments that mpirun's command line is given to.
/// - Throws: `Failure` 69 when mpirun or the program is missing, 70 in a test without the trait `underMPIRun`.
public func spawnMpirun(
    ranks: Int, _ program: String, arguments: [String], environment: [String: String] = [:], through: [String] = []
) throws -> RunningProgram {
    if let test = Test.current, !test.traits.contains(where: { $0 is UnderMPIRun }) {
        throw Failure(.software, "\(test.name) starts ranks: give it or its suite the trait .underMPIRun")
    }
    let launcher = try find("mpirun")
    let own = [
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        // More ranks than cores: those that wait let the others work.
        "OMPI_MCA_mpi_yield_when_idle": "1", "OPENBLAS_NUM_THREADS": "1",
    ]
    let command =
        through + [launcher, "--oversubscribe", "--bind-to", "none", "-n", "\(ranks)", try builtProgram(program)]
        + arguments
    return try RunningProgram(
        command[0], Array(command.dropFirst()),
        environment: own.merging(environment) { $1 })
}

/// Starts a built program without mpirun.
public func spawn(
    _ program: String, arguments: [String], environment: [String: String] = [:]
) throws -> RunningProgram {
    try RunningProgram(try builtProgram(program), arguments, environment: environment)
}

/// Starts any program.
public func spawn(
    path: String, arguments: [String], environment: [String: String] = [:]
) throws -> RunningProgram {
    try RunningProgram(path, arguments, environment: environment)
}

/// Copies a program that is to be started, and appends to the copy. A process of its own does so: a file that this one
/// writes stays open in every program that is started meanwhile, and the system starts no file that is open for
/// writing.
public func copyProgram(_ path: String, to copy: String, appending text: String = "") throws {
    let script = "cp \"$1\" \"$2\" && printf %s \"$3\" >>\"$2\""
    let result = try spawn(path: "/bin/sh", arguments: ["-c", script, "sh", path, copy, text]).wait()
    guard result.status == 0 else { throw Failure(.software, "cannot copy \(path): \(result.errors)") }
}

/// The path of a program of this package, beside the tests that run.
///
/// - Throws: `Failure` 69 when it is not built.
public func builtProgram(_ name: String) throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = (own as NSString).deletingLastPathComponent + "/" + name
    guard FileManager.default.isExecutableFile(atPath: path) else {
        throw Failure(.unavailable, "\(path) is not built: run the tests by `swift test -c release`")
    }
    return path
}

private func find(_ name: String) throws -> String {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
    let path = folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let path else { throw Failure(.unavailable, "\(name) is missing: install openmpi-bin") }
    return path
}
