import Essentials
import Foundation
import TestSupport

extension HaltedProcesses {
    /// Halts the ranks that train a run, `count` of them, once the run has come to a step.
    ///
    /// - Throws: `Failure` 70 after `timeout` seconds.
    init(ranksOf run: String, count: Int, step: Int, timeout: Double = 60) throws {
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
        var found: [Int32] = []
        while found.count != count {
            guard Date() < limit else {
                throw Failure(.software, "still waiting for \(title), with \(found.count) of \(count) processes")
            }
            usleep(5_000)
            found = try condition() ? Self.processes(words) : []
        }
        self.init(found)
    }

    private static func processes(_ words: [String]) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
            let line = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return line.first?.hasSuffix("/steadfast") == true && words.allSatisfy(line.contains)
        }
    }
}
