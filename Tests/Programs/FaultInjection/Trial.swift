import Essentials
import Foundation
import TestSupport

/// One injection: a job that a fault is done to, and the job that goes on with its run.
struct Trial {
    /// The outcome.
    struct Outcome: Codable {
        let number: Int
        let kind: String
        let title: String
        /// The stage of the run, or the call.
        let instant: String
        let ranks: Int
        let resumedRanks: Int
        /// The exit code of the job.
        let status: Int32
        /// From the fault until no process of the job was left.
        let seconds: Double
        /// Empty where all was as promised.
        var complaints: [String]
    }

    /// The seconds that a job may take to end by itself.
    static let limit = 30.0
    /// A slow disk adds three times 5 s.
    private var limit: Double {
        if case .call(let fault) = draw.fault, fault.effect == "slow" { return Self.limit + 15 }
        return Self.limit
    }
    private static let stallTimeout = 3.0

    let number: Int
    let draw: Draw
    let laboratory: Laboratory
    private let run: String
    private var mark: String { run + "-mark" }

    init(number: Int, draw: Draw, laboratory: Laboratory) throws {
        (self.number, self.draw, self.laboratory) = (number, draw, laboratory)
        run = try laboratory.run("trial-\(number)-\(UUID().uuidString.prefix(8))")
    }

    /// Does it. Returns nil where the job was over before the fault came.
    func outcome() throws -> Outcome? {
        let disk = draw.fault.needsMount ? try SmallFileSystem((run as NSString).deletingLastPathComponent) : nil
        defer { try? FileManager.default.removeItem(atPath: (run as NSString).deletingLastPathComponent) }
        let start = Date()
        let job = try laboratory.start(
            run, ranks: draw.ranks, stallTimeout: draw.isWatched ? Self.stallTimeout : 0, environment: environment,
            through: sharedMemory)
        guard let (phase, injected) = try inject(into: job, started: start, disk) else { return nil }
        var complaints: [String] = []
        let (status, errors) = try end(of: job, since: injected, &complaints)
        let seconds = Date().timeIntervalSince(injected)
        disk?.restore()

        let instant =
            if case .call(let fault) = draw.fault { fault.name } else { phase }
        var outcome = Outcome(
            number: number, kind: draw.fault.kind, title: draw.fault.title, instant: instant, ranks: draw.ranks,
            resumedRanks: draw.resumedRanks, status: status, seconds: seconds, complaints: [])
        complaints += judge(status, errors, phase: phase)
        complaints += try completeStage()
        outcome.complaints = complaints
        return outcome
    }

    private var environment: [String: String] {
        guard case .call(let fault) = draw.fault else { return [:] }
        return [
            "STEADFAST_FAULT": "\(fault.name):\(fault.number):\(fault.effect)", "STEADFAST_FAULT_RANK": "\(fault.rank)",
            "STEADFAST_FAULT_MARK": mark,
        ]
    }

    /// The arguments of mpirun.
    private var sharedMemory: [String] {
        guard case .noSharedMemory = draw.fault else { return [] }
        let script = #"mount -t tmpfs -o size=16k tmpfs /dev/shm && head -c 16k /dev/zero >/dev/shm/full; exec "$@""#
        return ["/usr/bin/env", "unshare", "--mount", "sh", "-c", script, "sh"]
    }

    // MARK: The fault

    /// Does the fault at its instant. Returns what the run was at, and when; nil where the job was over.
    private func inject(into job: RunningProgram, started: Date, _ disk: SmallFileSystem?) throws -> (String, Date)? {
        if case .call = draw.fault {
            while !hasActed {
                guard job.isRunning else { return hasActed ? (Inspection.phase(of: run), Date()) : nil }
                usleep(2_000)
            }
            return (Inspection.phase(of: run), Date())
        }
        if case .noSharedMemory = draw.fault { return ("start", Date()) }
        let instant = started.addingTimeInterval(draw.instant * laboratory.seconds[draw.ranks - 1])
        Thread.sleep(until: instant)
        guard job.isRunning else { return nil }
        let phase = Inspection.phase(of: run)
        try commit(draw.fault, job, disk)
        return (phase, Date())
    }

    private func commit(_ fault: Fault, _ job: RunningProgram, _ disk: SmallFileSystem?) throws {
        switch fault {
        case .kill(let part): send(SIGKILL, to: part, of: job)
        case .stop(let rank): send(SIGSTOP, to: .rank(rank), of: job)
        case .signal(let number, let part): send(number, to: part, of: job)
        case .killWaiting(let rank, let other):
            // Both first: one that has left is not to be waited for while the other is stopped.
            guard let killed = process(ofRank: rank, job), let halted = process(ofRank: other, job) else { return }
            kill(halted, SIGSTOP)
            usleep(50_000)
            kill(killed, SIGKILL)
            usleep(50_000)
            kill(halted, SIGCONT)
        case .fullDisk: try disk?.fill()
        case .readOnly: try disk?.protect(run)
        case .both(let one, let other):
            try commit(one, job, disk)
            try commit(other, job, disk)
        case .call, .noSharedMemory: break
        }
    }

    /// True where a fault in a call has come.
    private var hasActed: Bool { FileManager.default.fileExists(atPath: mark) }

    private func send(_ number: Int32, to part: Part, of job: RunningProgram) {
        switch part {
        case .launcher: kill(job.identifier, number)
        case .all: for process in processes { kill(process, number) }
        case .rank(let rank):
            if let process = process(ofRank: rank, job) { kill(process, number) }
        }
    }

    /// The process of a rank, which right at the start is not there yet; nil where the job is over.
    private func process(ofRank rank: Int, _ job: RunningProgram) -> Int32? {
        while job.isRunning {
            if let process = job.process(ofRank: rank) { return process }
        }
        return nil
    }

    // MARK: The end

    /// The processes whose command line names the run.
    private var processes: [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            return line.split(separator: 0).contains(Data(run.utf8)) && RunningProgram.isAlive(process)
        }
    }

    /// Waits until no process of the job is left, and returns its exit code and what it said.
    private func end(
        of job: RunningProgram, since injected: Date, _ complaints: inout [String]
    ) throws -> (status: Int32, errors: String) {
        while job.isRunning || !processes.isEmpty {
            if Date().timeIntervalSince(injected) > limit {
                complaints.append("it did not end within \(Int(limit)) s")
                for process in processes { kill(process, SIGKILL) }
                job.killAll()
                break
            }
            usleep(50_000)
        }
        let result = try job.wait()
        return (result.status, result.errors)
    }

    private func judge(_ status: Int32, _ errors: String, phase: String) -> [String] {
        let ending = draw.fault.ending(in: phase)
        if status == 0 {
            // It was as good as done, or the fault did no harm.
            return Inspection.complaintsAboutEnded(run).map { "after exit code 0: " + $0 }
        }
        var complaints: [String] = []
        if let codes = ending.codes, !codes.contains(status) { complaints.append("exit code \(status)") }
        let sentences = errors.split(separator: "\n").filter { $0.hasPrefix("steadfast: ") }
        if !ending.sentences.contains(sentences.count) { complaints.append("\(sentences.count) sentences") }
        if errors.contains("Swift runtime failure") { complaints.append("a trap") }
        complaints += Inspection.complaints(about: run, allowsTemporaries: ending.leavesTemporaries)
        return complaints.isEmpty ? [] : complaints + ["it said: \(errors)"]
    }

    /// Goes on with the run to its end.
    private func completeStage() throws -> [String] {
        let result = try laboratory.start(run, ranks: draw.resumedRanks, resume: true).wait(timeout: 120)
        guard result.status == 0 else { return ["resumed: exit code \(result.status): \(result.errors)"] }
        let digest = try Laboratory.digest(of: run)
        return (digest == laboratory.digest ? [] : ["resumed: other bits in the end"])
            + Inspection.complaintsAboutEnded(run).map { "resumed: " + $0 }
    }
}
