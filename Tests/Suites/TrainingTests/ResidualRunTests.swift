import Foundation
import TestSupport
import Testing

/// ResNet-20 and its robust form on the built-in images: minutes on two cores.
@Suite("Invariants 1 and 2 of ResNet-20", .underMPIRun, .serialized, .enabled(if: runsAll, "STEADFAST_TEST_ALL"))
struct ResidualRunTests {
    @Test(
        "equal digests on 1, 2, 3, 4 and 8 ranks, and of a run that was killed and resumed",
        arguments: ["plain", "mrelu"])
    func equal(activation: String) throws {
        let recipe =
            ["glyphs-plain"]
            + [
                "network.architecture=resnet", "network.activation=\(activation)", "batch=24", "max_steps=6",
                "checkpoint.every_steps=2", "mirroring=image", "shift=2", "schedule={kind: cosine, warmup_epochs: 1}",
            ].flatMap { ["--set", $0] }
        try withTemporaryDirectory { folder in
            var digests: Set<String> = []
            for ranks in [1, 2, 3, 4, 8] {
                let trained = try train(recipe, ranks: ranks, run: "\(folder)/\(ranks)", timeout: 240)
                #expect(trained.status == 0, "\(trained.errors)")
                digests.insert(try digest(ofRun: "\(folder)/\(ranks)"))
            }
            let run = folder + "/killed"
            let program = try spawnMpirun(ranks: 3, "steadfast", arguments: ["train"] + recipe + ["--run", run])
            try waitForStep(3, run: run, program)
            program.killAll()
            _ = try program.wait()
            let resumed = try train(recipe, ranks: 2, run: run, "--resume", timeout: 240)
            #expect(resumed.status == 0, "\(resumed.errors)")
            digests.insert(try digest(ofRun: run))
            #expect(digests.count == 1)
        }
    }
}
