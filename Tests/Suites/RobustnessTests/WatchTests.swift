import Checkpoints
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("Checkpoints are evaluated as they appear, beside the training and apart from it", .underMPIRun, .serialized)
struct WatchTests {
    private let recipe = [
        "train", "glyphs-mrelu-r-m", "--quiet", "--set", "batch=48", "--set", "max_steps=60", "--set",
        "checkpoint.every_steps=20", "--set", "checkpoint.keep=9", "--set",
        "evaluation={attacks: [clean, \"pgd:steps=3:step=0.1\"], strengths: [0.1], samples: 150}",
    ]
    private let warning = "steadfast: warning: attack 'pgd:steps=3:step=0.1': all 3 steps"
    private let steps = ["step-00000020.h5", "step-00000040.h5", "step-00000060.h5"]

    @Test("evaluation ranks change no bit of the training; their results are those of evaluate")
    func ranksBeside() throws {
        try withTemporaryDirectory { folder in
            let alone = try spawnMpirun(ranks: 2, "steadfast", arguments: recipe + ["--run", folder + "/alone"])
                .wait(timeout: 120)
            #expect(alone.status == 0, "\(alone.errors)")
            let beside = try spawnMpirun(
                ranks: 4, "steadfast", arguments: recipe + ["--run", folder + "/run", "--evaluation-ranks", "2"]
            ).wait(timeout: 120)
            #expect(beside.status == 0, "\(beside.errors)")
            // Of three checkpoints' evaluations.
            #expect(beside.errors.components(separatedBy: warning).count == 2, "\(beside.errors)")
            for step in steps {
                #expect(
                    try Checkpoint.load(folder + "/run/checkpoints/" + step).trainingDigest
                        == Checkpoint.load(folder + "/alone/checkpoints/" + step).trainingDigest)
            }
            try expectEvaluated(folder, folder + "/run/evaluation")
            let events = try String(contentsOfFile: folder + "/run/metrics.jsonl", encoding: .utf8)
                .split(separator: "\n").filter { $0.contains("\"event\":\"evaluation\"") }
            #expect(events.count == 6)
        }
    }

    @Test("a watching job follows a run that another job trains, is stopped, goes on, and ends with it")
    func apart() throws {
        try withTemporaryDirectory { folder in
            let training = try spawn("steadfast", arguments: recipe + ["--run", folder + "/run"])
            while !FileManager.default.fileExists(atPath: folder + "/run/recipe.yaml") { usleep(5000) }
            let arguments = ["evaluate", folder + "/run", "--watch", "--output", folder + "/out"]
            let first = try spawnMpirun(ranks: 2, "steadfast", arguments: arguments)
            let end = Date.now.addingTimeInterval(60)
            while !FileManager.default.fileExists(atPath: folder + "/out/summary.csv"), Date.now < end { usleep(5000) }
            first.signal(SIGUSR1)
            let stopped = try first.wait(timeout: 30)
            // The run may have ended at the very moment.
            #expect([0, 75].contains(stopped.status), "\(stopped.errors)")
            #expect(try training.wait(timeout: 120).status == 0)
            let second = try spawnMpirun(ranks: 3, "steadfast", arguments: arguments + ["--resume"]).wait(timeout: 120)
            #expect(second.status == 0, "\(second.errors)")
            #expect(second.errors.components(separatedBy: warning).count == 2, "\(second.errors)")
            try expectEvaluated(folder, folder + "/out")
            let fresh = try spawn("steadfast", arguments: arguments).wait(timeout: 60)
            #expect(fresh.status == 73 && fresh.errors.contains("--resume"), "\(fresh.errors)")
        }
    }

    @Test("bad input: no run, more evaluation ranks than ranks, an unknown attack in the plan, two runs to watch")
    func refusals() throws {
        try withTemporaryDirectory { folder in
            let cases: [([String], Int32, String)] = [
                (["evaluate", folder + "/none", "--watch", "--output", folder + "/a"], 66, "none"),
                (recipe + ["--run", folder + "/b", "--evaluation-ranks", "2"], 64, "--evaluation-ranks"),
                (
                    recipe + ["--run", folder + "/c", "--evaluation-ranks", "1", "--set", "evaluation.attacks=[pdg]"],
                    64, "pgd"
                ),
                (["evaluate", folder, folder + "/b", "--watch", "--output", folder + "/d"], 64, "--watch"),
                // The evaluator does not wait for a training that has failed.
                (
                    recipe + ["--run", folder + "/e", "--evaluation-ranks", "1", "--set", "batch=1000000"], 64,
                    "too few for batch"
                ),
            ]
            for (arguments, status, word) in cases {
                let result = try spawnMpirun(ranks: 2, "steadfast", arguments: arguments).wait(timeout: 60)
                #expect(result.status == status && result.errors.contains(word), "\(result.errors)")
            }
            for output in ["/a", "/d"] { #expect(!FileManager.default.fileExists(atPath: folder + output)) }
        }
    }

    @Test("a checkpoint that vanishes while watched is passed over; one that is damaged, or a lost run, ends the watch")
    func losses() throws {
        try withTrainedRun { folder in
            let run = folder + "/run"
            // As if the training went on: its last line is not there yet.
            try "".write(toFile: run + "/metrics.jsonl", atomically: true, encoding: .utf8)
            func watch(_ output: String) throws -> RunningProgram {
                try spawnMpirun(
                    ranks: 2, "steadfast",
                    arguments: [
                        "evaluate", run, "--watch", "--attacks", "clean", "--samples", "20", "--output", output,
                    ])
            }
            func awaitSummary(_ output: String) {
                let end = Date.now.addingTimeInterval(60)
                while !FileManager.default.fileExists(atPath: output + "/summary.csv"), Date.now < end { usleep(5000) }
            }
            let (checkpoint, files) = (run + "/checkpoints/step-00000030.h5", FileManager.default)
            let gone = run + "/checkpoints/step-00000010.h5"
            try files.createSymbolicLink(atPath: gone, withDestinationPath: "/nowhere")
            let first = try watch(folder + "/a")
            awaitSummary(folder + "/a")
            var bytes = try Data(contentsOf: URL(fileURLWithPath: checkpoint))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: checkpoint))
            let damaged = try first.wait(timeout: 30)
            #expect(damaged.status == 65 && damaged.errors.contains("step-00000030.h5"), "\(damaged.errors)")
            #expect((damaged.output + damaged.errors).contains("step-00000010.h5 vanished"), "\(damaged.errors)")

            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: checkpoint))
            let second = try watch(folder + "/b")
            awaitSummary(folder + "/b")
            try files.removeItem(atPath: run)
            let lost = try second.wait(timeout: 30)
            #expect(lost.status == 66 && lost.errors.contains("vanished"), "\(lost.errors)")
            #expect(try summary(folder + "/b").count == 2)
        }
    }

    @Test("data that are no longer there end the watch")
    func missingData() throws {
        try withTemporaryDirectory { folder in
            let (images, files) = (["--data-directory", folder], FileManager.default)
            let made = try spawn("steadfast", arguments: ["data", "make", "glyphs"] + images).wait(timeout: 60)
            #expect(made.status == 0, "\(made.errors)")
            try files.moveItem(atPath: folder + "/glyphs", toPath: folder + "/moved")
            let training = try spawn(
                "steadfast",
                arguments: Array(recipe.prefix(5)) + images + [
                    "--run", folder + "/run", "--set", "dataset=moved", "--set", "max_steps=1", "--set", "lanes=2",
                ]
            ).wait(timeout: 60)
            #expect(training.status == 0, "\(training.errors)")
            try files.removeItem(atPath: folder + "/moved")
            let watch = ["--watch", "--attacks", "clean"] + images
            let result = try evaluate(folder + "/run", output: folder + "/a", ranks: 2, watch)
            #expect(result.status == 66 && result.errors.contains("moved"), "\(result.status) \(result.errors)")
        }
    }

    @Test("a watch on a run that nothing trains says so and ends after its patience; an unreadable one is told as that")
    func dead() throws {
        try withTrainedRun { folder in
            let run = folder + "/run"
            let metrics = try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)
            let lines = metrics.split(separator: "\n").filter { !$0.hasPrefix("{\"event\":\"end\"") }
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: run + "/metrics.jsonl", atomically: true, encoding: .utf8)
            let arguments = [
                "evaluate", run, "--watch", "--attacks", "clean", "--samples", "20", "--output", folder + "/a",
                "--patience", "4",
            ]
            let result = try spawnMpirun(ranks: 2, "steadfast", arguments: arguments).wait(timeout: 60)
            #expect(
                result.status == 69 && result.errors.contains("no job has worked on it for 4 s"), "\(result.errors)")
            #expect(result.output.contains("no job works on \(run)"), "\(result.output)")
            #expect(try summary(folder + "/a").count == 2)

            let checkpoints = run + "/checkpoints"
            try FileManager.default.removeItem(atPath: checkpoints)
            // A link to itself may be followed as little as a directory that is closed to us.
            try FileManager.default.createSymbolicLink(atPath: checkpoints, withDestinationPath: "checkpoints")
            for more in [["--watch"], []] {
                let closed = try evaluate(run, output: folder + "/b", ["--attacks", "clean", "--resume"] + more)
                #expect(closed.status == 66 && closed.errors.contains("cannot read \(checkpoints)"), "\(closed.errors)")
            }
        }
    }

    @Test("a rank that stands still ends an evaluation with code 71, named", arguments: [0, 1])
    func standstill(rank: Int) throws {
        try withTrainedRun(["glyphs-plain"]) { folder in
            let program = try spawnMpirun(
                ranks: 2, "steadfast",
                arguments: [
                    "evaluate", folder + "/run", "--attacks", "clean,square:queries=1000000", "--strengths", "0.001",
                    "--output", folder + "/out", "--stall-timeout", "3",
                ])
            try program.waitForOutput { $0.contains("clean: ") }
            let process = try #require(program.process(ofRank: rank))
            kill(process, SIGSTOP)
            let result = try program.wait(timeout: 40)
            #expect(result.status == 71, "\(result.errors)")
            #expect(result.errors.contains("steadfast: rank \(rank) on "), "\(result.errors)")
        }
    }

    private func expectEvaluated(_ folder: String, _ output: String) throws {
        let rows = try summary(output).dropFirst()
        #expect(rows.count == 6)
        for step in steps {
            let plain = "\(folder)/plain-\(step)"
            let checkpoint = "\(folder)/run/checkpoints/\(step)"
            let result = try evaluate(checkpoint, output: plain, ["--quiet"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                try SealedFile.read(plain + "/results.h5").tensors
                    == SealedFile.read("\(output)/\(step.dropLast(3))/results.h5").tensors)
            #expect(try summary(plain).dropFirst() == rows.filter { $0.hasPrefix(checkpoint + ",") }[...])
        }
    }
}
