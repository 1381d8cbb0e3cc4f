import Checkpoints
import Foundation
import TestSupport
import Testing

/// Jobs on the real scheduler, started for the test on this machine alone.
@Suite("SLURM jobs: requeued, evaluated by an array, chained", .serialized, .enabled(if: Slurm.isPossible))
struct SlurmTests {
    @Test("a training job that is warned three times, put back each time, ends with the same bits as one that is not")
    func requeue() throws {
        try Slurm.run { slurm in
            let recipe = ["glyphs-mrelu-r-m", "--set", "max_steps=200", "--set", "batch=24", "--run"]
            let alone = try spawn("steadfast", arguments: ["train"] + recipe + [slurm.folder + "/alone"]).wait(
                timeout: 120)
            #expect(alone.status == 0, "\(alone.errors)")
            let run = slurm.folder + "/run"
            let job = try slurm.submit(["--ntasks=2"], "train.sbatch", recipe + [run])
            for restart in 0..<3 {
                try slurm.waitFor("step \(restart + 1)") {
                    // Far enough to lose something, not so far as to end.
                    try slurm.restarts(job) == restart && slurm.state(job) == "RUNNING"
                        && RunFiles.steps(run) > 10 * (restart + 1)
                }
                _ = try slurm.command("scancel", ["--signal=USR1", "--batch", job])
                try slurm.waitFor("restart \(restart + 1)") { try slurm.restarts(job) == restart + 1 }
            }
            #expect(try slurm.end(job) == "COMPLETED")
            #expect(try digest(run) == digest(slurm.folder + "/alone"))
            // What the jobs had done when they were warned was not done again.
            #expect(RunFiles.resumes(run) >= 3 && RunFiles.steps(run) == 200)
        }
    }

    @Test("an array of evaluations gives the same summary as one process, and its tasks check their number")
    func array() throws {
        try Slurm.run { slurm in
            let run = slurm.folder + "/run"
            let trained = try spawn(
                "steadfast",
                arguments: [
                    "train", "glyphs-mrelu-r-m", "--run", run, "--set", "max_steps=40", "--set",
                    "checkpoint.every_steps=20",
                ]
            ).wait(timeout: 120)
            #expect(trained.status == 0, "\(trained.errors)")
            let checkpoints = ["step-00000020.h5", "step-00000040.h5"].map { "\(run)/checkpoints/\($0)" }
            let common = ["--strengths", "0.1,0.2", "--samples", "200"]
            let groups = ["clean", "fgs-lmax", "pgd:steps=2,noise-sign", "nonsense"]
            let job = try slurm.submit(
                ["--array=0-7"], "evaluate.sbatch",
                [slurm.folder + "/parts", checkpoints.joined(separator: " ")] + groups + ["--"] + common)
            #expect(try slurm.end(job) == "COMPLETED")
            let merged = try slurm.submit([], "report.sbatch", [slurm.folder + "/parts"])
            #expect(try slurm.end(merged) == "COMPLETED")
            let whole = try spawn(
                "steadfast",
                arguments: ["evaluate"] + checkpoints
                    + ["--attacks", groups.joined(separator: ","), "--output", slurm.folder + "/whole"] + common
            ).wait(timeout: 120)
            #expect(whole.status == 0, "\(whole.errors)")
            let files = try ["parts", "whole"].map {
                try Data(contentsOf: URL(fileURLWithPath: "\(slurm.folder)/\($0)/summary.csv"))
            }
            #expect(files[0] == files[1])

            let excess = try slurm.submit(
                ["--array=9"], "evaluate.sbatch", [slurm.folder + "/parts", checkpoints[0], "clean"])
            #expect(try slurm.end(excess) == "FAILED")
            #expect(try slurm.log().contains("--array=0-0"))
        }
    }

    @Test("train, evaluate and report, chained; an evaluation that watches the training meanwhile")
    func pipeline() throws {
        try Slurm.run { slurm in
            let (run, output) = (slurm.folder + "/run", slurm.folder + "/output")
            let watch = try slurm.submit(
                [], "watch.sbatch", [run, slurm.folder + "/watched", "--attacks", "clean", "--samples", "50"])
            let chain = try slurm.submit(
                [], "pipeline.sbatch",
                [
                    "glyphs-plain", run, output, "2", "clean,fgsm", "noise-sign", "--", "--strengths", "0.1",
                    "--samples", "100",
                ])
            #expect(try slurm.end(chain) == "COMPLETED")
            let words = try slurm.log().split(whereSeparator: { " ,\n".contains($0) }).map(String.init)
            let place = try #require(words.lastIndex(of: "report"))
            let report = words[place + 1]
            #expect(try slurm.end(report, timeout: 180) == "COMPLETED")
            let rows = try String(contentsOfFile: output + "/summary.csv", encoding: .utf8).split(separator: "\n")
            #expect(rows.map { $0.split(separator: ",")[2] } == ["attack", "clean", "fgsm", "noise-sign"])
            #expect(try slurm.end(watch) == "COMPLETED")
            let watched = try String(contentsOfFile: slurm.folder + "/watched/summary.csv", encoding: .utf8)
            #expect(watched.split(separator: "\n").count >= 2)
        }
    }

    @Test("bad input: no arguments, an unknown recipe; the job fails and its log says why")
    func refusals() throws {
        try Slurm.run { slurm in
            for (script, arguments, word) in [
                ("train.sbatch", [], "usage: sbatch"), ("train.sbatch", ["glyphs-plian"], "glyphs-plain"),
                ("evaluate.sbatch", ["a"], "usage: sbatch"), ("pipeline.sbatch", ["a"], "usage: sbatch"),
            ] as [(String, [String], String)] {
                let job = try slurm.submit([], script, arguments)
                #expect(try slurm.end(job) == "FAILED")
                let log = try slurm.log()
                #expect(log.contains(word), "\(script): \(log)")
            }
        }
    }

    private func digest(_ run: String) throws -> String {
        try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)).trainingDigest
    }
}

/// What a run's metrics.jsonl says.
enum RunFiles {
    /// The newest step.
    static func steps(_ run: String) -> Int {
        lines(run).last { $0.contains("\"event\":\"step\"") }?.split(separator: ",").lazy
            .compactMap { $0.hasPrefix("\"step\":") ? Int($0.dropFirst(7)) : nil }.first ?? 0
    }

    /// How often it was resumed.
    static func resumes(_ run: String) -> Int { lines(run).count { $0.contains("\"event\":\"resume\"") } }

    private static func lines(_ run: String) -> [Substring] {
        ((try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)) ?? "").split(separator: "\n")
    }
}
