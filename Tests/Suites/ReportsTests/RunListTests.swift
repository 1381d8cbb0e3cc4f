import Checkpoints
import Essentials
import Foundation
import Reports
import TestSupport
import Testing

@Suite("The list of runs")
struct RunListTests {
    private func metrics(_ steps: Int, end: Bool) -> String {
        let lines = (1...steps).map {
            "{\"event\":\"step\",\"step\":\($0),\"loss\":1,\"error\":0.5,\"images_per_second\":9}"
        }
        let epoch =
            "{\"event\":\"epoch\",\"step\":\(steps),\"epoch\":0,\"loss\":1,\"error\":0.25,\"validation_error\":0.125,"
            + "\"images_per_second\":9}"
        return (lines + [epoch] + (end ? ["{\"event\":\"end\",\"step\":\(steps)}"] : [])).joined(separator: "\n") + "\n"
    }

    private func makeRun(_ path: String, steps: Int, saved: Int?, end: Bool = false) throws {
        try FileManager.default.createDirectory(atPath: path + "/checkpoints", withIntermediateDirectories: true)
        try "dataset: glyphs\n".write(toFile: path + "/recipe.yaml", atomically: true, encoding: .utf8)
        try "".write(toFile: path + "/lock", atomically: true, encoding: .utf8)
        try metrics(steps, end: end).write(toFile: path + "/metrics.jsonl", atomically: true, encoding: .utf8)
        guard let saved else { return }
        let name = RunLayout.checkpoint(step: saved)
        try Data(count: 1000).write(to: URL(fileURLWithPath: "\(path)/checkpoints/\(name)"))
    }

    @Test("tells running, finished, stopped and dead runs apart, at any depth, with step, errors and size")
    func states() throws {
        try withTemporaryDirectory { folder in
            try makeRun(folder + "/a", steps: 20, saved: 20, end: true)
            try makeRun(folder + "/b", steps: 20, saved: 20)
            try makeRun(folder + "/deep/c", steps: 20, saved: 10)
            try makeRun(folder + "/deep/d", steps: 20, saved: nil)
            try makeRun(folder + "/e", steps: 20, saved: 10)
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/a")
            let lock = try FolderLock(folder + "/e", waitingUpTo: 0)
            let runs = try withExtendedLifetime(lock) { try RunSummary.find(in: folder) }
            #expect(runs.map(\.path) == ["a", "b", "deep/c", "deep/d", "e"].map { "\(folder)/\($0)" })
            #expect(runs.map(\.state) == [.finished, .stopped, .dead, .dead, .running])
            #expect(runs.allSatisfy { $0.step == 20 && $0.error == 0.25 && $0.validation == 0.125 })
            #expect(runs[2].savedStep == 10 && runs[3].savedStep == nil && runs[0].bytes > 1000)
            // A run does not hide one that lies in it.
            try makeRun(folder + "/a/inner", steps: 20, saved: 20)
            #expect(try RunSummary.find(in: folder + "/a").map(\.path) == [folder + "/a", folder + "/a/inner"])
            let lines = RunList(runs).description.split(separator: "\n")
            #expect(lines.count == 6 && Set(lines.map(\.count)).count == 1)
            #expect(lines[3].contains("dead") && lines[3].contains("0.1250"))
            #expect(throws: Failure.self) { try RunSummary.find(in: folder + "/none") }
        }
    }

    @Test("removes a run, never one that a job is using, and nothing that is no run")
    func remove() throws {
        try withTemporaryDirectory { folder in
            for name in ["a", "b"] { try makeRun("\(folder)/\(name)", steps: 2, saved: 2) }
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/a")
            func runs(_ arguments: [String]) throws -> ProgramResult {
                try spawn("steadfast", arguments: ["runs"] + arguments).wait(timeout: 30)
            }
            do {
                let lock = try FolderLock(folder + "/a", waitingUpTo: 0)
                try withExtendedLifetime(lock) {
                    let listed = try runs([folder])
                    #expect(
                        listed.status == 0 && listed.output.contains("running") && listed.output.contains("stopped"))
                    let refused = try runs([folder + "/a", "--remove"])
                    #expect(refused.status == 69 && refused.errors.contains("another job"), "\(refused.errors)")
                }
            }
            try makeRun(folder + "/a/inner", steps: 2, saved: 2)
            let outer = try runs([folder + "/a", "--remove"])
            #expect(outer.status == 73 && outer.errors.contains("another run, \(folder)/a/inner"), "\(outer.errors)")
            #expect(try runs([folder + "/a/inner", "--remove"]).status == 0)
            for path in [folder, folder + "/link", folder + "/none"] {
                #expect(try runs([path, "--remove"]).status == 66)
            }
            #expect(FileManager.default.fileExists(atPath: folder + "/a/recipe.yaml"))
            let removed = try runs([folder + "/a", "--remove"])
            #expect(removed.status == 0 && !FileManager.default.fileExists(atPath: folder + "/a"), "\(removed.errors)")
            #expect(FileManager.default.fileExists(atPath: folder + "/b/recipe.yaml"))
        }
    }
}
