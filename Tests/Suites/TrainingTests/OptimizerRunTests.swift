import Checkpoints
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Invariants 1 and 2 with every rule of the optimiser", .underMPIRun, .serialized)
struct OptimizerRunTests {
    private func recipe(_ rule: String, steps: Int, _ more: String...) -> [String] {
        ["glyphs-mrelu-r-m", "--set", "batch=24", "--set", "mean_training.samples=600"]
            + (["max_steps=\(steps)", "optimizer=\(rule)"] + more).flatMap { ["--set", $0] }
    }

    /// Nesterov's momentum is stored as the plain one's: with the long suites.
    private static let rules =
        ["{kind: adamw, beta2: 0.9, epsilon: 1e-6}"] + (runsAll ? ["nesterov", "adam"] : [])

    @Test(
        "equal digests on several numbers of ranks, and of a run that was stopped and resumed",
        arguments: rules, [runsAll ? [1, 2, 3, 4] : [1, 3]])
    func equal(_ rule: String, ranks: [Int]) throws {
        try withTemporaryDirectory { folder in
            var digests: Set<String> = []
            for count in ranks {
                let run = "\(folder)/\(count)"
                let trained = try train(recipe(rule, steps: 6), ranks: count, run: run)
                #expect(trained.status == 0, "\(trained.errors)")
                digests.insert(try digest(ofRun: run))
            }
            let run = folder + "/stopped"
            for (steps, count, more) in [(3, 2, []), (6, 3, ["--resume"])] {
                let trained = try train(recipe(rule, steps: steps) + more, ranks: count, run: run)
                #expect(trained.status == 0, "\(trained.errors)")
            }
            digests.insert(try digest(ofRun: run))
            #expect(digests.count == 1)
        }
    }

    @Test("Adam counts updates, of which a step of free adversarial training has several")
    func updates() throws {
        try withTemporaryDirectory { folder in
            let free = "adversarial_training={method: free, strength: 0.1, steps: 2}"
            let whole = try train(recipe("adam", steps: 4, free), ranks: 2, run: folder + "/whole")
            #expect(whole.status == 0, "\(whole.errors)")
            for (steps, more) in [(2, []), (4, ["--resume"])] {
                let trained = try train(recipe("adam", steps: steps, free) + more, ranks: 1, run: folder + "/parts")
                #expect(trained.status == 0, "\(trained.errors)")
            }
            #expect(try digest(ofRun: folder + "/parts") == digest(ofRun: folder + "/whole"))
            let checkpoint = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/whole"))
            #expect(try checkpoint.requireAttribute("step", of: "optimizer/conv1/weight") == 8)
            // The count decides what comes next, so the digest covers it.
            var changed = checkpoint
            changed.groupAttributes["optimizer/conv1/weight"] = ["step": 7]
            #expect(changed.trainingDigest != checkpoint.trainingDigest)
        }
    }
}
