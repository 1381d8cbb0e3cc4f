import Foundation
import TestSupport
import Testing

@Suite("Invariant 2: a run that was interrupted ends as if it had not been", .underMPIRun, .serialized)
struct ResumeTests {
    private static let recipe =
        smallRecipe.dropLast(4) + [
            "--set", "max_steps=40", "--set", "mean_training.samples=600", "--set", "checkpoint.every_steps=5",
        ]

    @Test("killed at several instants, each time resumed on another number of ranks")
    func killed() throws {
        try withTemporaryDirectory { folder in
            let recipe = Array(Self.recipe)
            let whole = try train(recipe, ranks: 1, run: folder + "/whole")
            #expect(whole.status == 0, "\(whole.errors)")

            let run = folder + "/killed"
            for (ranks, steps) in [(3, 4), (2, 13), (4, 27)] {
                let program = try spawnMpirun(
                    ranks: ranks, "steadfast",
                    arguments: ["train"] + recipe + ["--run", run] + (steps > 4 ? ["--resume"] : []))
                // A kill somewhere behind the given step: mid-step, in a collective or in a save, as it happens.
                try waitForStep(steps, run: run, program)
                program.killAll()
                _ = try program.wait()
            }
            try expectSameEnd(recipe, resuming: run, ranks: 8, as: folder + "/whole")
        }
    }

    @Test("stopped by USR1: saved, exit code 75, and resumed to the same end")
    func signalled() throws {
        try withTemporaryDirectory { folder in
            let recipe = Array(Self.recipe)
            _ = try train(recipe, ranks: 2, run: folder + "/whole")
            let run = folder + "/stopped"
            let program = try spawnMpirun(
                ranks: 2, "steadfast", arguments: ["train"] + recipe + ["--run", run])
            try waitForStep(7, run: run, program)
            let halted = program.halt(ranks: 2)
            program.signal(SIGUSR1)
            try halted.goOn(after: SIGUSR1)
            let stopped = try program.wait()
            #expect(stopped.status == 75)
            #expect(stopped.errors.contains("stopped by a signal") && stopped.errors.contains("--resume"))
            try expectSameEnd(recipe, resuming: run, ranks: 3, as: folder + "/whole")
        }
    }

    @Test("a finished run is left as it is; a run that ended at max_steps goes on beyond it")
    func finished() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let short = Array(Self.recipe) + ["--set", "max_steps=6"]
            #expect(try train(short, ranks: 1, run: run).status == 0)
            let before = try digest(ofRun: run)
            #expect(try train(short, ranks: 2, run: run, "--resume").status == 0)
            #expect(try digest(ofRun: run) == before)
            #expect(try train(Array(Self.recipe), ranks: 2, run: run, "--resume").status == 0)
            #expect(try train(Array(Self.recipe), ranks: 1, run: folder + "/whole").status == 0)
            #expect(try digest(ofRun: run) == digest(ofRun: folder + "/whole"))
        }
    }

    @Test("--resume in an empty directory starts at step 0, and another recipe is refused")
    func refusals() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let recipe = Array(Self.recipe) + ["--set", "max_steps=2"]
            #expect(try train(recipe, ranks: 2, run: run, "--resume").status == 0)
            let again = try train(recipe, ranks: 2, run: run)
            #expect(again.status == 73 && again.errors.contains("--resume"))
            let other = try train(recipe + ["--set", "learning_rate=0.5"], ranks: 2, run: run, "--resume")
            #expect(other.status == 64 && other.errors.contains("learning_rate"))
        }
    }

    /// Resumes a run, which ends with the bits of a whole one.
    private func expectSameEnd(_ recipe: [String], resuming run: String, ranks: Int, as whole: String) throws {
        let resumed = try train(recipe, ranks: ranks, run: run, "--resume")
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try digest(ofRun: run) == digest(ofRun: whole))
        try expectNothingComputedTwice(run)
    }

    /// After a resume at step n every step event is of a later step, and n is that of a saved checkpoint.
    private func expectNothingComputedTwice(_ run: String) throws {
        var saved = 0
        var floor = 0
        for event in try metrics(ofRun: run) {
            guard let step = event["step"] as? Int else { continue }
            switch event["event"] as? String {
            case "checkpoint": saved = max(saved, step)
            case "resume":
                #expect(step >= saved)
                floor = step
            case "step":
                #expect(step == floor + 1)
                floor = step
            default: break
            }
        }
        #expect(saved > 0)
    }
}
