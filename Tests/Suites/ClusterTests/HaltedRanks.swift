import Essentials
import Foundation
import TestSupport

/// Processes that were halted (SIGSTOP), so that what a test does to them meets them at work, however fast or busy the
/// machine is.
struct HaltedRanks {
    let processes: [Int32]

    /// Halts the ranks that train a run, `count` of them, once the run has come to a step.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds.
    init(of run: String, count: Int, step: Int, timeout: Double = 60) throws {
        try self.init("step \(step) of \(run)", ["train", run], count: count, timeout: timeout) {
            RunFiles.steps(run) >= step
        }
    }

    /// Halts the `count` processes of `steadfast` with these words on their command line, once a condition holds.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds.
    init(
        _ title: String, _ words: [String], count: Int, timeout: Double = 60, _ condition: () throws -> Bool
    ) throws {
        let limit = Date().addingTimeInterval(timeout)
        while Date() < limit {
            let found = try condition() ? Self.processes(words) : []
            guard found.count == count else {
                usleep(5_000)
                continue
            }
            found.forEach { kill($0, SIGSTOP) }
            // A stop takes effect a while after it is sent.
            while found.contains(where: { !Self.isHalted($0) && RunningProgram.isAlive($0) }) { usleep(1_000) }
            processes = found
            return
        }
        let found = Self.processes(words).count
        throw Failure(.software, "still waiting for \(title), with \(found) of \(count) processes")
    }

    /// Lets them go on as soon as each has received a signal, which may have made it go on already.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds.
    func goOn(after signal: Int32, timeout: Double = 60) throws {
        let limit = Date().addingTimeInterval(timeout)
        while !processes.allSatisfy({ Self.hasReceived(signal, $0) }) {
            guard Date() < limit else { throw Failure(.software, "no rank has received signal \(signal)") }
            usleep(5_000)
        }
        goOn()
    }

    /// Lets them go on.
    func goOn() { processes.forEach { kill($0, SIGCONT) } }

    private static func processes(_ words: [String]) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
            let line = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return line.first?.hasSuffix("/steadfast") == true && words.allSatisfy(line.contains)
        }
    }

    /// Whether a signal waits for a process, or the process is halted no more.
    private static func hasReceived(_ signal: Int32, _ process: Int32) -> Bool {
        let pending = field("ShdPnd", of: process).flatMap { UInt64($0, radix: 16) } ?? 0
        return !isHalted(process) || pending & 1 << UInt64(signal - 1) != 0
    }

    private static func isHalted(_ process: Int32) -> Bool { field("State", of: process) == "T" }

    /// A word of a line of what the kernel says of a process.
    private static func field(_ name: String, of process: Int32) -> Substring? {
        kernelText("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix(name + ":") }?
            .split(whereSeparator: \.isWhitespace).dropFirst().first
    }
}
