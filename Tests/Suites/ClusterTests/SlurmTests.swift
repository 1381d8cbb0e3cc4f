import Checkpoints
import Foundation
import TestSupport
import Testing

/// Jobs on the real scheduler, started for the test on this machine alone.
@Suite(
    "SLURM jobs: requeued, evaluated by an array, chained", .underMPIRun, .serialized, .enabled(if: Slurm.isPossible))
struct SlurmTests {
    private static let runsAll = ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil
    /// srun --mpi=pmix where this machine's SLURM and Open MPI speak it; mpirun.
    private static let launchers = runsAll ? ["", "mpirun"] : [""]

    /// A short run's recipe and options, the directory to follow.
    private func recipe(steps: Int, _ more: String...) -> [String] {
        ["glyphs-mrelu-r-m", "--set", "max_steps=\(steps)", "--set", "batch=24"] + more + ["--run"]
    }

    /// The bits that a run of one rank ends with.
    private func alone(_ slurm: Slurm, _ recipe: [String]) throws -> String {
        let run = slurm.folder + "/alone"
        let result = try spawn("steadfast", arguments: ["train"] + recipe + [run]).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
        return try digest(run)
    }

    @Test(
        "a training job that is warned three times, put back each time, ends with the same bits as one that is not",
        arguments: launchers)
    func requeue(launcher: String) throws {
        try Slurm.run { slurm in
            let recipe = recipe(steps: 600)
            let expected = try alone(slurm, recipe)
            let run = slurm.folder + "/run"
            let job = try slurm.submit(
                ["--ntasks=2", "--export=ALL,STEADFAST_LAUNCHER=\(launcher)"], "train.sbatch", recipe + [run])
            for restart in 0..<3 {
                // Far enough to lose something, not so far as to end.
                let ranks = try HaltedProcesses(ranksOf: run, count: 2, step: RunFiles.steps(run) + 10)
                try slurm.command("scancel", ["--signal=USR1", "--batch", job])
                try ranks.goOn(after: SIGUSR1)
                try slurm.waitFor("restart \(restart + 1)") { try slurm.restarts(job) == restart + 1 }
            }
            #expect(try slurm.end(job) == "COMPLETED")
            #expect(try digest(run) == expected)
            // What the jobs had done when they were warned was not done again.
            #expect(RunFiles.resumes(run) == 4 && RunFiles.steps(run) == 600 && RunFiles.stepsLost(run) == 0)
            let log = try slurm.log()
            #expect(launcher.isEmpty || log.contains("== start 4: \(launcher) -n 2"))
            #expect(!log.contains("could not go back"), "\(log)")
        }
    }

    @Test("a job that has to give way, and has a time of grace, saves and comes back by itself")
    func preempted() throws {
        try Slurm.run { slurm in
            let recipe = recipe(steps: 300)
            let expected = try alone(slurm, recipe)
            let run = slurm.folder + "/run"
            let job = try slurm.submit(
                ["--partition=low", "--exclusive", "--ntasks=2"], "train.sbatch", recipe + [run])
            let ranks = try HaltedProcesses(ranksOf: run, count: 2, step: 10)
            let urgent = try slurm.command(
                "sbatch", ["--parsable", "--exclusive", "--output=/dev/null", "--wrap", "true"])
            try ranks.goOn(after: SIGTERM)
            #expect(try slurm.end(urgent) == "COMPLETED")
            #expect(try slurm.end(job) == "COMPLETED")
            #expect(try slurm.restarts(job) == 1)
            #expect(try digest(run) == expected)
            #expect(RunFiles.stepsLost(run) == 0)
        }
    }

    @Test("what a job asks for is what it gets, or its log says why not")
    func requests() throws {
        try Slurm.run { slurm in
            let short = ["glyphs-plain", "--set", "max_steps=2", "--run"]
            let script = "\(packageFolder)/cluster/slurm/train.sbatch"
            let four = try slurm.submit(
                ["--ntasks-per-node=4", "--time=2"], "train.sbatch", short + [slurm.folder + "/four"])
            #expect(try slurm.end(four) == "COMPLETED")
            var log = try slurm.log()
            #expect(log.contains("--ntasks=4") || log.contains("-n 4"), "\(log)")
            #expect(log.contains(" is left of --time, and the warning"), "\(log)")

            // A run goes on by its directory.
            let more = try slurm.submit([], "train.sbatch", [slurm.folder + "/four", "--set", "max_steps=3"])
            #expect(try slurm.end(more) == "COMPLETED")
            #expect(RunFiles.steps(slurm.folder + "/four") == 3)

            let tasks = try slurm.submit(
                ["--array=1-2"], "train.sbatch", short + [slurm.folder + "/seed-%a", "--set", "seed=%a"])
            #expect(try slurm.end(tasks) == "COMPLETED")
            #expect(try digest(slurm.folder + "/seed-1") != digest(slurm.folder + "/seed-2"))
            let shared = try slurm.submit(["--array=1"], "train.sbatch", short + [slurm.folder + "/shared"])
            #expect(try slurm.end(shared) == "FAILED")

            let elsewhere = try slurm.command(
                "env",
                [
                    "-C", slurm.folder, "-u", "STEADFAST_ROOT", "sbatch", "--parsable", "--output=\(slurm.folder)/log",
                    script,
                ] + short + ["elsewhere"])
            #expect(try slurm.end(elsewhere) == "FAILED")

            // Watches that were put back, of a job that started 3 hours ago: a run whose training is dead, and none.
            let (dead, watched) = (slurm.folder + "/dead", slurm.folder + "/watched")
            for path in [dead, watched] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            try Data().write(to: URL(fileURLWithPath: watched + "/.watch"))
            for path in [dead, watched + "/.watch"] {
                try FileManager.default.setAttributes(
                    [.modificationDate: Date().addingTimeInterval(-3 * 3600)], ofItemAtPath: path)
            }
            func watch(_ run: String, hours: Int) throws -> String {
                try slurm.submit(
                    ["--export=ALL,STEADFAST_WATCH_HOURS=\(hours),SLURM_RESTART_COUNT=1"], "watch.sbatch",
                    [run, watched])
            }
            for run in [dead, slurm.folder + "/none"] { #expect(try slurm.end(watch(run, hours: 2)) == "FAILED") }
            let waiting = try watch(dead, hours: 4)
            try slurm.waitFor("a watch that waits") { try slurm.log().contains("to be resumed, up to 14400 s") }
            try slurm.command("scancel", [waiting])

            log = try slurm.log()
            for words in [
                "would share \(slurm.folder)/shared", "is not Steadfast's directory", "is taken for dead",
                "none is not there after 3 hours",
            ] { #expect(log.contains(words), "\(log)") }
        }
    }

    @Test("a job that was submitted without an environment has that of the site, and its ranks too")
    func site() throws {
        try Slurm.run { slurm in
            let made = try spawn("steadfast", arguments: ["data", "make", "glyphs", "--data-directory", slurm.folder])
                .wait()
            #expect(made.status == 0, "\(made.errors)")
            try FileManager.default.moveItem(atPath: slurm.folder + "/glyphs", toPath: slurm.folder + "/letters")
            let site = slurm.folder + "/site"
            let settings =
                "site_launcher=mpirun site_scratch=\(slurm.folder)/runs\nexport STEADFAST_DATA=\(slurm.folder)\n"
            try Data(settings.utf8).write(to: URL(fileURLWithPath: site))
            let job = try slurm.submit(
                ["--ntasks=2", "--export=STEADFAST_SITE=\(site),STEADFAST_ROOT=\(packageFolder)"], "train.sbatch",
                ["glyphs-plain", "--set", "dataset=letters", "--set", "max_steps=2"])
            #expect(try slurm.end(job) == "COMPLETED")
            let log = try slurm.log()
            #expect(log.contains("== start 1: mpirun -n 2"), "\(log)")
            #expect(RunFiles.steps(slurm.folder + "/runs/glyphs-plain") == 2)
        }
    }

    @Test("a job that reaches its time limit goes on by itself and loses no step", .enabled(if: runsAll))
    func timeLimit() throws {
        try Slurm.run { slurm in
            let recipe = recipe(steps: 4000)
            let expected = try alone(slurm, recipe)
            let run = slurm.folder + "/run"
            let job = try slurm.submit(
                ["--ntasks=2", "--time=1", "--signal=B:USR1@40"], "train.sbatch", recipe + [run])
            try slurm.waitFor("the first time limit", timeout: 120) { try slurm.restarts(job) == 1 }
            try slurm.command("scontrol", ["update", "JobId=\(job)", "TimeLimit=10"])
            #expect(try slurm.end(job, timeout: 300) == "COMPLETED")
            #expect(try digest(run) == expected)
            #expect(RunFiles.stepsLost(run) == 0 && RunFiles.resumes(run) >= 2)
        }
    }

    @Test("a job that is cancelled or killed while it saves, again and again, loses nothing that was saved")
    func cancelled() throws {
        try Slurm.run { slurm in
            let recipe = recipe(steps: 40, "--set", "checkpoint.every_steps=1")
            let expected = try alone(slurm, recipe)
            let run = slurm.folder + "/run"
            for (step, options) in [(8, ["--signal=KILL", "--full"]), (16, []), (24, ["--signal=KILL", "--full"])] {
                let job = try slurm.submit(["--ntasks=2"], "train.sbatch", recipe + [run])
                let ranks = try HaltedProcesses(ranksOf: run, count: 2, step: step)
                try slurm.command("scancel", options + [job])
                ranks.goOn()
                #expect(try slurm.end(job) != "COMPLETED")
                // It is whole, or not there.
                #expect(throws: Never.self) { try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)) }
            }
            let job = try slurm.submit(["--ntasks=2"], "train.sbatch", recipe + [run])
            #expect(try slurm.end(job) == "COMPLETED")
            #expect(try digest(run) == expected)
            // A job that is killed loses what it computed since the last save, here a step or two.
            #expect(RunFiles.stepsLost(run) <= 4)
        }
    }

    @Test(
        "a sweep as an array smaller than it, with two tasks put back, gives the table of one that was never stopped",
        .enabled(if: runsAll),
        arguments: [
            ["--set", "validation=200", "--set", "max_steps=1500"],
            ["--set", "validation=8000", "--set", "epochs=9", "--search", "halving:epochs=3:factor=3"],
        ])
    func sweep(_ search: [String]) throws {
        try Slurm.run { slurm in
            func plan(_ folder: String) -> [String] {
                [
                    "glyphs-plain", "--runs", "\(slurm.folder)/\(folder)", "--set", "batch=24", "--sweep",
                    "learning_rate=0.003,0.01,0.03", "--sweep", "seed=1..2", "--attacks", "clean,pgd:steps=2",
                    "--strengths", "0.1", "--samples", "100",
                ] + search
            }
            let alone = try spawn("steadfast", arguments: ["sweep"] + plan("alone")).wait(timeout: 300)
            #expect(alone.status == 0, "\(alone.errors)")
            let array = try slurm.submit(["--array=1-3"], "sweep.sbatch", plan("array"))
            for task in 1...2 {
                let job = "\(array)_\(task)"
                try slurm.waitFor("task \(task) to train", timeout: 120) {
                    // It is not there yet while no task runs.
                    let runs =
                        (try? FileManager.default.subpathsOfDirectory(atPath: slurm.folder + "/array")) ?? []
                    return try slurm.state(job) == "RUNNING"
                        && runs.filter { $0.hasSuffix("metrics.jsonl") }.count >= task
                }
                try slurm.command("scancel", ["--signal=USR1", "--batch", job])
                try slurm.waitFor("task \(task) to be put back", timeout: 60) { try slurm.restarts(job) == 1 }
            }
            #expect(try slurm.end(array, timeout: 400) == "COMPLETED")
            try expectEqual("sweep.csv", in: ["alone", "array"], of: slurm, lines: 7)
        }
    }

    /// A table of so many lines, the same in two folders.
    private func expectEqual(_ file: String, in folders: [String], of slurm: Slurm, lines: Int) throws {
        let tables = try folders.map { try String(contentsOfFile: "\(slurm.folder)/\($0)/\(file)", encoding: .utf8) }
        #expect(tables[0] == tables[1] && tables[0].split(separator: "\n").count == lines)
    }

    @Test("an array's task that runs twice at once: one waits for the other, and the results are those of one")
    func twice() throws {
        try Slurm.run { slurm in
            let run = slurm.folder + "/run"
            let trained = try spawn("steadfast", arguments: ["train"] + recipe(steps: 10) + [run]).wait(timeout: 60)
            #expect(trained.status == 0, "\(trained.errors)")
            let plan = [run, "clean,pgd:steps=10", "--", "--strengths", "0.1,0.2", "--samples", "300"]
            let output = slurm.folder + "/twice"
            func submit() throws -> String { try slurm.submit(["--array=0"], "evaluate.sbatch", [output] + plan) }
            let first = try submit()
            let ranks = try HaltedProcesses("the lock of \(output)", ["evaluate", output + "/task-0000"], count: 1) {
                FolderLock.isHeld(output + "/task-0000")
            }
            let second = try submit()
            try slurm.waitFor("the second task") { try slurm.log().contains("waiting for another job") }
            ranks.goOn()
            for job in [first, second] { #expect(try slurm.end(job) == "COMPLETED") }
            let once = try slurm.submit(["--array=0"], "evaluate.sbatch", [slurm.folder + "/once"] + plan)
            #expect(try slurm.end(once) == "COMPLETED")
            try expectEqual("task-0000/summary.csv", in: ["twice", "once"], of: slurm, lines: 4)
        }
    }

    @Test("munge down: a job that cannot go back into the queue says so and has saved; nothing is submitted, and why")
    func mungeDown() throws {
        try Slurm.run { slurm in
            let recipe = recipe(steps: 300)
            let expected = try alone(slurm, recipe)
            let run = slurm.folder + "/run"
            // srun could not pass the warning on either.
            let options = ["--ntasks=2", "--export=ALL,STEADFAST_LAUNCHER=mpirun"]
            _ = try slurm.submit(options, "train.sbatch", recipe + [run])
            let ranks = try HaltedProcesses(ranksOf: run, count: 2, step: 10)
            try slurm.control("munge", "down")
            // What SLURM would send, could it.
            let script = try spawn(
                path: "/usr/bin/env", arguments: ["pgrep", "-f", "^[^ ]*bash .*slurm_script.*\(run)"]
            )
            .wait().output.split(separator: "\n").compactMap { Int32($0) }
            kill(try #require(script.first), SIGUSR1)
            try ranks.goOn(after: SIGUSR1)
            try slurm.waitFor("the sentence") { try slurm.log().contains("could not go back into the queue") }
            #expect(try slurm.log().contains("all is saved, submit it again"))
            let refused = try slurm.attempt("sbatch", ["\(packageFolder)/cluster/slurm/train.sbatch"] + recipe + [run])
            #expect(refused.status != 0 && refused.errors.contains("unge"), "\(refused.errors)")
            try slurm.control("munge", "up")
            // SLURM hears of that job's end a while later.
            let next = try slurm.submit(["--ntasks=2"], "train.sbatch", recipe + [run])
            #expect(try slurm.end(next) == "COMPLETED")
            #expect(try digest(run) == expected)
            #expect(RunFiles.stepsLost(run) == 0)
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
            let (run, output) = (slurm.folder + "/a run", slurm.folder + "/output")
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

/// The record of a run, its metrics.jsonl.
enum RunFiles {
    /// The newest step.
    static func steps(_ run: String) -> Int {
        lines(run).last { $0.contains("\"event\":\"step\"") }.flatMap { number("step", $0) } ?? 0
    }

    /// True where its record says that it ended.
    static func isComplete(_ run: String) -> Bool { lines(run).last?.hasPrefix("{\"event\":\"end\"") == true }

    /// How often it was resumed.
    static func resumes(_ run: String) -> Int { lines(run).count { $0.contains("\"event\":\"resume\"") } }

    /// How many steps were computed again.
    static func stepsLost(_ run: String) -> Int {
        var (last, lost) = (0, 0)
        for line in lines(run) {
            guard let step = number("step", line) else { continue }
            if line.contains("\"event\":\"step\"") { last = step }
            if line.contains("\"event\":\"resume\"") { lost += last - step }
        }
        return lost
    }

    private static func number(_ key: String, _ line: Substring) -> Int? {
        line.split(separator: ",").lazy.compactMap {
            $0.hasPrefix("\"\(key)\":") ? Int($0.dropFirst(key.count + 3)) : nil
        }
        .first
    }

    private static func lines(_ run: String) -> [Substring] {
        ((try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)) ?? "").split(separator: "\n")
    }
}
