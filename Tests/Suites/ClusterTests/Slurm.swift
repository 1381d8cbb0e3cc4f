import Essentials
import Foundation
import TestSupport

/// A scheduler of this machine's own, by Tests/cluster/slurm.
struct Slurm {
    /// A directory that is removed in the end; it holds the daemons' files and the jobs' log.
    let folder: String

    /// True where the daemons can be started here; says so where they cannot.
    static let isPossible: Bool = {
        if geteuid() == 0 { return true }
        print("skipped: SLURM's daemons need root")
        return false
    }()

    /// Starts the scheduler, runs the body, stops it.
    static func run(_ body: (Slurm) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            let slurm = Slurm(folder: folder)
            try slurm.control("start")
            defer { try? slurm.control("stop") }
            try body(slurm)
        }
    }

    /// `start`, `stop`, `munge`: an action of Tests/cluster/slurm.
    func control(_ action: String, _ arguments: String...) throws {
        let result = try spawn(
            path: packageFolder + "/Tests/cluster/slurm", arguments: [action, folder + "/slurm"] + arguments
        ).wait(timeout: 120)
        guard result.status == 0 else { throw Failure(.unavailable, "slurm \(action): \(result.errors)") }
    }

    /// Runs one of SLURM's commands, which has to succeed.
    @discardableResult
    func command(_ name: String, _ arguments: [String]) throws -> String {
        let result = try attempt(name, arguments)
        guard result.status == 0 else { throw Failure(.software, "\(name) \(arguments): \(result.errors)") }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Runs one of SLURM's commands.
    func attempt(_ name: String, _ arguments: [String]) throws -> ProgramResult {
        try spawn(
            path: "/usr/bin/env", arguments: [name] + arguments,
            environment: [
                "SLURM_CONF": folder + "/slurm/slurm.conf", "STEADFAST_ROOT": packageFolder,
                "SBATCH_OPTIONS": "--output=\(folder)/log",
            ].merging(polite) { $1 }
        ).wait(timeout: 60)
    }

    /// Submits a script of cluster/slurm; returns the job's number.
    func submit(_ options: [String], _ script: String, _ arguments: [String]) throws -> String {
        try command(
            "sbatch",
            ["--parsable", "--output=\(folder)/log"] + options + ["\(packageFolder)/cluster/slurm/\(script)"]
                + arguments)
    }

    /// The output of all jobs.
    func log() throws -> String { try String(contentsOfFile: folder + "/log", encoding: .utf8) }

    /// A job's state, that of an array's worst task.
    func state(_ job: String) throws -> String {
        let states = try command("scontrol", ["--oneliner", "show", "job", job]).split(separator: "\n").map {
            field("JobState", of: $0)
        }
        return states.first { $0 != "COMPLETED" } ?? "COMPLETED"
    }

    /// How often a job was put back.
    func restarts(_ job: String) throws -> Int {
        Int(field("Restarts", of: try command("scontrol", ["--oneliner", "show", "job", job])[...])) ?? 0
    }

    /// The state in which a job ends.
    func end(_ job: String, timeout: Double = 120) throws -> String {
        var state = ""
        try waitFor("the end of job \(job)", timeout: timeout) {
            state = try self.state(job)
            return !["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"].contains(state)
        }
        return state
    }

    /// Waits until something holds.
    func waitFor(_ what: String, timeout: Double = 60, _ condition: () throws -> Bool) throws {
        let limit = Date().addingTimeInterval(timeout)
        while try !condition() {
            guard Date() < limit else {
                throw Failure(
                    .software, "still waiting for \(what): \((try? command("squeue", [])) ?? ""); \((try? log()) ?? "")"
                )
            }
            usleep(50_000)
        }
    }

    private func field(_ name: String, of line: Substring) -> String {
        line.split(separator: " ").first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } ?? ""
    }
}
