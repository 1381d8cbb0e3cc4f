import Essentials
import Foundation

/// Processes that were halted (SIGSTOP), so that what a test does to them meets them at work, however fast or busy the
/// machine is.
public struct HaltedProcesses {
    /// Their numbers.
    public let processes: [Int32]

    /// Halts processes, and returns when they stand.
    public init(_ processes: [Int32]) {
        self.processes = processes
        processes.forEach { kill($0, SIGSTOP) }
        while processes.contains(where: { !Self.isHalted($0) && RunningProgram.isAlive($0) }) { usleep(1_000) }
    }

    /// Lets them go on as soon as each has received a signal, which may have made it go on already.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds.
    public func goOn(after signal: Int32, timeout: Double = 60) throws {
        let limit = Date().addingTimeInterval(timeout)
        while !processes.allSatisfy({ Self.hasReceived(signal, $0) }) {
            guard Date() < limit else { throw Failure(.software, "signal \(signal) has not come to all") }
            usleep(5_000)
        }
        goOn()
    }

    /// Lets them go on.
    public func goOn() { processes.forEach { kill($0, SIGCONT) } }

    /// True where a signal waits for a process, or the process is halted no more.
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
