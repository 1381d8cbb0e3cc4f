import Foundation
import TestSupport
import Testing

@Suite("steadfast sweep: many runs, one table", .underMPIRun, .serialized)
struct SweepRunTests {
    private static let runsAll = ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil

    /// Two configurations of two seeds, seconds each.
    private func arguments(_ folder: String, _ steps: Int = 40, seeds: Int = 2) -> [String] {
        [
            "sweep", "glyphs-plain", "--runs", folder, "--set", "batch=24", "--set", "max_steps=\(steps)", "--set",
            "validation=200", "--set", "checkpoint.every_steps=10", "--sweep", "learning_rate=0.002,0.02", "--sweep",
            "seed=1..\(seeds)", "--attacks", "clean,pgd:steps=2", "--strengths", "0.1", "--samples", "100",
        ]
    }

    private func sweep(_ arguments: [String], ranks: Int = 2) throws -> ProgramResult {
        try spawnMpirun(ranks: ranks, "steadfast", arguments: arguments).wait(timeout: 240)
    }

    private func alone(_ arguments: [String]) throws -> ProgramResult {
        try spawn("steadfast", arguments: arguments).wait(timeout: 120)
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// How many steps the runs have recorded, those done twice included.
    private func steps(_ folder: String) throws -> Int {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix("metrics.jsonl") }
            .map { try text("\(folder)/\($0)").components(separatedBy: "{\"event\":\"step\"").count - 1 }.reduce(0, +)
    }

    @Test("a rank that stands still in a run's evaluation ends the sweep with code 71, named")
    func standstill() throws {
        try withTemporaryDirectory { folder in
            let program = try spawnMpirun(
                ranks: 2, "steadfast",
                arguments: [
                    "sweep", "glyphs-plain", "--runs", folder + "/s", "--sweep", "seed=1", "--set", "max_steps=2",
                    "--set", "stall_timeout=3", "--attacks", "square:queries=1000000", "--strengths", "0.001",
                ])
            let limit = Date.now.addingTimeInterval(60)
            let journal = folder + "/s/001/seed-1/evaluation/journal"
            while !FileManager.default.fileExists(atPath: journal), Date.now < limit { usleep(5000) }
            kill(try #require(program.process(ofRank: 1)), SIGSTOP)
            let result = try program.wait(timeout: 40)
            #expect(result.status == 71, "\(result.errors)")
            #expect(result.errors.contains("steadfast: rank 1 on "), "\(result.errors)")
        }
    }

    @Test("a sweep gives a table, a front, the best recipe and a page; again, on parts of ranks, it does nothing anew")
    func table() throws {
        try withTemporaryDirectory { folder in
            let result = try sweep(arguments(folder + "/s"))
            #expect(result.status == 0, "\(result.errors)")
            let csv = try text(folder + "/s/sweep.csv")
            let rows = csv.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
            #expect(
                rows[0].joined(separator: ",")
                    == "run,learning_rate,seed,state,step,epoch,validation,validation_attacked,clean,attacked,"
                    + "certified,pgd:steps=2 at 0.1")
            #expect(rows.count == 5 && rows.dropFirst().allSatisfy { $0[3] == "finished" && $0[4] == "40" })
            #expect(rows[1][0] == "001-learning_rate=0.002/seed-1" && rows[4][2] == "2")
            for row in rows.dropFirst() {
                let (clean, attacked) = (try #require(Double(row[8])), try #require(Double(row[9])))
                #expect(attacked >= clean && row[9] == row[11] && row[10].isEmpty)
            }
            #expect(result.output.contains("Best by the error of the validation images under attack"))
            #expect(try text(folder + "/s/best.yaml").contains("learning_rate: 0.0"))
            #expect(try text(folder + "/s/times.csv").split(separator: "\n").count == 5)
            let page = try text(folder + "/s/report/index.html")
            #expect(page.contains("sweep-front") && page.contains("Clean against attacked error"))

            let before = try steps(folder)
            let again = try sweep(["sweep", folder + "/s", "--ranks", "1"], ranks: 3)
            #expect(again.status == 0 && again.output.contains("3 ranks in 3 parts"), "\(again.output)\(again.errors)")
            #expect(try steps(folder) == before && text(folder + "/s/sweep.csv") == csv)
        }
    }

    @Test("killed at random times and gone on with on other ranks, a sweep gives the same table byte for byte")
    func killed() throws {
        let (runs, kills) = Self.runsAll ? (3, 3) : (1, 1)
        try withTemporaryDirectory { folder in
            let whole = try sweep(arguments(folder + "/whole", seeds: runs), ranks: 4)
            #expect(whole.status == 0, "\(whole.errors)")
            let killed = arguments(folder + "/killed", seeds: runs)
            for kill in 0..<kills {
                let program = try spawnMpirun(ranks: 2, "steadfast", arguments: killed)
                // Somewhere in a run.
                let some = Int.random(in: 5...60) + 70 * kill
                let limit = Date().addingTimeInterval(60)
                while (try? steps(folder + "/killed")) ?? 0 < some, Date() < limit, program.isRunning { usleep(5_000) }
                program.killAll()
            }
            let last = try sweep(killed + ["--ranks", "1"])
            #expect(last.status == 0, "\(last.errors)")
            #expect(try text(folder + "/killed/sweep.csv") == text(folder + "/whole/sweep.csv"))
            // What was saved is not computed again.
            #expect(try steps(folder + "/killed") - 2 * runs * 40 <= 20 * kills)
        }
    }

    @Test("a run that fails does not keep the others: the table says so, and the exit code")
    func failing() throws {
        try withTemporaryDirectory { folder in
            let result = try alone([
                "sweep", "glyphs-plain", "--runs", folder + "/s", "--set", "batch=24", "--set", "max_steps=12",
                "--sweep", "learning_rate=1000,0.01", "--attacks", "clean", "--samples", "50",
            ])
            #expect(result.status == 70, "\(result.output)\(result.errors)")
            #expect(result.errors.contains("1 of 2 runs failed (001-learning_rate=1000/seed-1: "), "\(result.errors)")
            let csv = try text(folder + "/s/sweep.csv")
            #expect(csv.contains("001-learning_rate=1000/seed-1,1000,1,failed,") && csv.contains(",finished,12,"))
            #expect(result.output.contains("which never chooses"))
        }
    }

    private func halving(_ folder: String) -> [String] {
        [
            "sweep", "glyphs-plain", "--runs", folder, "--set", "epochs=2", "--set", "batch=500", "--set",
            "validation=8000", "--search", "halving:epochs=1:factor=2", "--sweep", "learning_rate=0.00001,0.02",
            "--attacks", "clean", "--samples", "50",
        ]
    }

    @Test("halving trains the better half on, from where it is")
    func halvingAlone() throws {
        try withTemporaryDirectory { folder in
            let result = try alone(halving(folder + "/s"))
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let csv = try text(folder + "/s/sweep.csv")
            #expect(csv.contains("001-learning_rate=0.00001/seed-1,0.00001,1,halved,"), "\(csv)")
            #expect(csv.contains("002-learning_rate=0.02/seed-1,0.02,1,finished,"), "\(csv)")
            let before = try steps(folder)
            #expect(try alone(halving(folder + "/s")).status == 0)
            #expect(try steps(folder) == before && text(folder + "/s/sweep.csv") == csv)

            // Two tasks at once, of which one is killed; then the other alone.
            let tasks = try ["2/2", "1/2"].map {
                try spawn("steadfast", arguments: halving(folder + "/tasks") + ["--task", $0])
            }
            let limit = Date().addingTimeInterval(60)
            while try FileManager.default.subpathsOfDirectory(atPath: folder).filter({
                $0.hasPrefix("tasks/0") && $0.hasSuffix("metrics.jsonl")
            }).count < 2, Date() < limit { usleep(5_000) }
            tasks[0].killAll()
            let other = try tasks[1].wait(timeout: 120)
            #expect(other.status == 0, "\(other.output)\(other.errors)")
            #expect(try text(folder + "/tasks/sweep.csv") == csv)
            // All is done: a task that comes late has nothing to do, nor has one beyond the runs.
            for task in ["2/2", "3/3"] {
                let late = try alone(halving(folder + "/tasks") + ["--task", task])
                #expect(late.status == 0, "\(late.errors)")
            }
            #expect(try text(folder + "/tasks/sweep.csv") == csv && steps(folder + "/tasks") <= before + 8)
        }
    }

    @Test("a sweep that is refused is refused before anything is made; a directory of another sweep or run is too")
    func refused() throws {
        try withTemporaryDirectory { folder in
            let own = folder + "/s"
            for (more, code, word) in [
                (["--sweep", "epochz=1,2"], 64, "did you mean 'epochs'"), (["--sweep", "batch=0"], 64, "batch is 0"),
                (["--sweep", "seed=1..2", "--attacks", "pdg"], 64, "pdg"),
                (["--sweep", "seed=1..2", "--task", "3"], 64, "2 runs"),
                (["--sweep", "seed=1..2", "--split", "validation"], 64, "validation split"),
                (["--sweep", "dataset=glyphs,nowhere"], 66, "run 2"), ([], 64, "nothing to sweep over"),
            ] {
                let result = try spawn("steadfast", arguments: ["sweep", "glyphs-plain", "--runs", own] + more).wait()
                #expect(result.status == Int32(code) && result.errors.contains(word), "\(more): \(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: own))
            }
            let listed = try alone([
                "sweep", "glyphs-plain", "--sweep", "seed=1..5", "--task", "2/3", "--list",
            ])
            #expect(listed.lines == ["2  001/seed-2", "5  001/seed-5"], "\(listed.errors)")
            let short = ["--set", "max_steps=2", "--attacks", "clean", "--samples", "10", "--quiet"]
            func sweep(_ seeds: String, _ more: [String] = []) throws -> ProgramResult {
                try spawn(
                    "steadfast",
                    arguments: ["sweep", "glyphs-plain", "--runs", own, "--sweep", "seed=\(seeds)"] + short + more
                ).wait()
            }
            // A task of an array leaves the others' runs to them.
            #expect(try sweep("1..2", ["--task", "2/2"]).status == 0)
            #expect(!FileManager.default.fileExists(atPath: own + "/sweep.csv"))
            let other = try sweep("1..3")
            #expect(other.status == 73 && other.errors.contains("seed: [1, 2] there, [1, 2, 3] asked for"))
            #expect(try sweep("1..2", ["--task", "1/2"]).status == 0)
            #expect(try text(own + "/sweep.csv").split(separator: "\n").count == 3)
            try "x".write(toFile: own + "/sweep.yaml", atomically: true, encoding: .utf8)
            let damaged = try spawn("steadfast", arguments: ["sweep", own]).wait()
            #expect(damaged.status == 65 && damaged.errors.contains(own + "/sweep.yaml: "), "\(damaged.errors)")
            let run = try spawn(
                "steadfast",
                arguments: ["sweep", "glyphs-plain", "--runs", own + "/001/seed-1", "--sweep", "seed=1..2"]
            ).wait()
            #expect(run.status == 73 && run.errors.contains("holds a run"), "\(run.errors)")
            let trained = try alone(["train", "glyphs-plain", "--run", own, "--set", "max_steps=1"])
            #expect(trained.status == 73 && trained.errors.contains("holds a sweep"), "\(trained.errors)")
            #expect(!FileManager.default.fileExists(atPath: own + "/recipe.yaml"))
        }
    }
}
