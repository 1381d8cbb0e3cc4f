import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite("cluster/launch sees a run through", .underMPIRun, .serialized)
struct LaunchTests {
    private func launch(_ arguments: [String]) throws -> RunningProgram {
        try spawn(path: packageFolder + "/cluster/launch", arguments: arguments, environment: polite)
    }

    private func recipe(_ run: String) -> [String] {
        [
            "train", "glyphs-plain", "--run", run, "--quiet", "--set", "max_steps=300", "--set", "batch=24", "--set",
            "checkpoint.every_steps=20",
        ]
    }

    /// Waits until a run has come to a step.
    private func wait(_ run: String, step: Int) throws {
        let limit = Date().addingTimeInterval(60)
        while RunFiles.steps(run) < step, Date() < limit { usleep(20_000) }
        try #require(RunFiles.steps(run) >= step)
    }

    /// The processes that train into a run's directory, mpirun left out.
    private func ranks(of run: String) throws -> [Int32] {
        try spawn(path: "/usr/bin/env", arguments: ["pgrep", "-f", "^[^ ]*/steadfast train .*--run \(run)"]).wait()
            .output.split(separator: "\n").compactMap { Int32($0) }
    }

    @Test("a rank that is killed costs the steps since the last checkpoint, and no bit")
    func killed() throws {
        try withFolder { folder in
            let alone = try spawn("steadfast", arguments: recipe(folder + "/alone")).wait(timeout: 60)
            #expect(alone.status == 0, "\(alone.errors)")
            let run = folder + "/run"
            let program = try launch(["-n", "2", "--pause", "1"] + recipe(run))
            try wait(run, step: 50)
            kill(try #require(ranks(of: run).first), SIGKILL)
            let result = try program.wait(timeout: 120)
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.errors.contains("launch: exit code 137") && result.errors.contains("launch: start 2: 2 ranks"))
            #expect(RunFiles.resumes(run) == 1)
            let digests = try [folder + "/alone", run].map {
                try Checkpoint.load(try RunDirectory.latestCheckpoint(in: $0)).trainingDigest
            }
            #expect(digests[0] == digests[1])
        }
    }

    @Test("TERM lets the run save, and ends with 75")
    func stopped() throws {
        try withFolder { folder in
            let run = folder + "/run"
            let program = try launch(["-n", "2"] + recipe(run) + ["--set", "max_steps=100000", "--set", "epochs=500"])
            try wait(run, step: 30)
            program.signal(SIGTERM)
            let result = try program.wait(timeout: 30)
            #expect(result.status == 75, "\(result.errors)")
            #expect(result.errors.contains("is saved: go on with --resume"))
        }
    }

    @Test("what cannot succeed is not tried again: usage, an unknown recipe, no host file; one sentence")
    func refused() throws {
        for (arguments, code, word) in [
            (["-n", "0", "train", "glyphs-plain"], 64, "usage"), (["train", "glyphs-plian"], 66, "glyphs-plain"),
            (["--hostfile", "/none", "train", "glyphs-plain"], 66, "/none"),
            (["-n", "2", "train", "glyphs-plain", "--run", "/proc/none"], 73, "/proc/none"),
        ] {
            let result = try launch(arguments).wait(timeout: 30)
            #expect(result.status == Int32(code), "\(arguments): \(result.errors)")
            #expect(result.errors.contains(word), "\(result.errors)")
            #expect(!result.errors.contains("launch: start 2"))
        }
    }
}
