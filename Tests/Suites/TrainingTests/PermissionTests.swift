import Foundation
import TestSupport
import Testing

@Suite("Nobody is let in: permissions of what a run writes, and one job for each run", .serialized)
struct PermissionTests {
    /// Trains with a umask, and returns the mode of the run's directory and of each thing in it.
    private func modes(umask: String, in folder: String) throws -> [String: UInt16] {
        let run = folder + "/above/run"
        let command = "umask \(umask); exec \"$0\" \"$@\""
        let result = try spawn(
            path: "/bin/sh",
            arguments: ["-c", command, try builtProgram("steadfast"), "train"] + plainRecipe + ["--run", run]
        ).wait(timeout: 60)
        #expect(result.status == 0, "\(result.errors)")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder + "/above").map { "above/\($0)" }
        return try Dictionary(
            uniqueKeysWithValues: (files + ["above"]).map { name in
                var status = stat()
                try #require(lstat("\(folder)/\(name)", &status) == 0)
                return (name, UInt16(status.st_mode))
            })
    }

    @Test("the umask is honoured, and no directory is writable by everybody")
    func umask() throws {
        for (mask, forbidden) in [("077", 0o077), ("027", 0o027), ("002", 0o002)] as [(String, UInt16)] {
            try withTemporaryDirectory { folder in
                let modes = try modes(umask: mask, in: folder)
                #expect(modes.count > 8)
                for (name, mode) in modes { #expect(mode & forbidden == 0, "umask \(mask): \(name) has \(mode)") }
            }
        }
        try withTemporaryDirectory { folder in
            for (name, mode) in try modes(umask: "000", in: folder) where mode & UInt16(S_IFMT) == UInt16(S_IFDIR) {
                #expect(mode & 0o002 == 0, "\(name) is writable by everybody")
            }
        }
    }

    @Test("temporary names are drawn anew each time, from 2^64")
    func temporaryNames() throws {
        try withTemporaryDirectory { folder in
            let names = try (0..<4).map { number in
                let run = "\(folder)/\(number)"
                let program = try spawn(
                    "steadfast", arguments: ["train"] + plainRecipe + ["--run", run],
                    environment: [
                        "LD_PRELOAD": try builtProgram("libFaultInjector.so"), "STEADFAST_FAULT": "rename:1:kill",
                        "STEADFAST_FAULT_UNDER": run,
                    ])
                #expect(try program.wait().status == 128 + SIGKILL)
                let files = try FileManager.default.contentsOfDirectory(atPath: run)
                return try #require(
                    files.first { $0.contains(".partial-") }.map { String($0.split(separator: "-")[1]) })
            }
            #expect(Set(names).count == 4)
            #expect(names.allSatisfy { $0.count > 8 }, "\(names)")
        }
    }

    @Test(
        "a run killed at any of its renames leaves no file but its own and temporary ones, which the next job removes")
    func strangers() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let known = ["checkpoints", "lock", "recipe.yaml", "metrics.jsonl"]
            for number in 1...4 {
                let program = try spawn(
                    "steadfast", arguments: ["train"] + plainRecipe + ["--run", run, "--resume"],
                    environment: [
                        "LD_PRELOAD": try builtProgram("libFaultInjector.so"),
                        "STEADFAST_FAULT": "rename:\(number):kill",
                        "STEADFAST_FAULT_UNDER": run,
                    ])
                _ = try program.wait()
                let left = try FileManager.default.contentsOfDirectory(atPath: run).filter {
                    !known.contains($0) && !$0.hasPrefix("events.out.tfevents.") && !$0.contains(".partial-")
                }
                #expect(left == [], "killed at rename \(number)")
            }
        }
    }

    @Test("links that stand where a run writes are replaced or refused, not followed", .underMPIRun)
    func links() throws {
        try withTemporaryDirectory { folder in
            for (name, status) in [("lock", 73), ("recipe.yaml", 0), ("checkpoints/latest", 0)] as [(String, Int32)] {
                let run = folder + "/run-" + name.suffix(4)
                let target = run + "-target"
                try FileManager.default.createDirectory(atPath: run + "/checkpoints", withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(atPath: "\(run)/\(name)", withDestinationPath: target)
                let result = try train(plainRecipe, ranks: 1, run: run, "--set", "max_steps=2")
                #expect(result.status == status, "\(name): \(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: target), "\(name) was followed")
            }
        }
    }

    @Test("a second job on a run is refused in one sentence; when the first is killed, the next goes on", .underMPIRun)
    func oneJob() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let recipe = ["glyphs-plain", "--set", "batch=24", "--set", "stall_timeout=4"]
            let first = try spawnMpirun(
                ranks: 2, "steadfast",
                arguments: ["train"] + recipe + ["--run", run, "--set", "checkpoint.every_steps=5"])
            try first.waitForOutput { _ in
                (try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8))?.contains("\"step\":6,") == true
            }
            let second = try train(recipe, ranks: 2, run: run, "--resume")
            #expect(second.status == 69 && second.errors.contains("another job (process"), "\(second.errors)")
            #expect(second.errors.contains(run))
            first.killAll()
            let third = try train(recipe, ranks: 1, run: run, "--resume", "--set", "max_steps=12")
            #expect(third.status == 0, "\(third.errors)")
        }
    }
}
