import Checkpoints
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("Replay: a later checkpoint follows from an earlier one", .underMPIRun, .serialized)
struct ReplayTests {
    private func replay(_ ranks: Int, _ run: String, _ more: String...) throws -> ProgramResult {
        try spawnMpirun(ranks: ranks, "steadfast", arguments: ["replay", run] + more).wait(timeout: 120)
    }

    @Test("proved for an honest run, on other ranks, over an epoch's end; refused where a tensor was changed")
    func proof() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            // Epochs of 11 steps.
            let recipe = [
                "glyphs-mrelu-r-m", "--set", "batch=48", "--set", "validation=11500", "--set",
                "mean_training.samples=7",
                "--set", "mean_training.noise_samples=7", "--set", "max_steps=20", "--set", "checkpoint.every_steps=5",
                "--set", "checkpoint.keep=9",
            ]
            #expect(try train(recipe, ranks: 2, run: run).status == 0)
            let honest = try replay(3, run, "--from", "5", "--to", "15")
            #expect(honest.status == 0, "\(honest.errors)")
            let file = run + "/checkpoints/step-00000015.h5"
            let digest = try Checkpoint.load(file).trainingDigest
            #expect(honest.lines == ["step 15 follows from step 5: 10 steps, digest \(digest)"])
            let whole = try replay(1, run, "--from", "0")
            #expect(whole.lines.first?.hasPrefix("step 20 follows from step 0: 20 steps") == true, "\(whole.errors)")

            // One number of one tensor, by its last bit; the file is sealed anew.
            var forged = try Checkpoint.load(file)
            let old = try #require(forged.tensors["model/fc2/weight"])
            guard case .float32(var values) = old.elements else { return }
            values[7] = values[7].nextUp
            forged.tensors["model/fc2/weight"] = Tensor(shape: old.shape, values)
            try forged.save(to: file)
            let caught = try replay(2, run, "--from", "5", "--to", "15")
            #expect(caught.status == 65)
            #expect(caught.errors.contains("/model/fc2/weight is the first that differs, in 1 of"), "\(caught.errors)")

            let missing = try replay(1, run, "--from", "6")
            #expect(missing.status == 66 && missing.errors.contains("step-00000005.h5"))
            let nothing = try replay(1, run, "--from", "20")
            #expect(nothing.status == 64 && nothing.errors.contains("--from 0"), "\(nothing.errors)")
            #expect(try replay(1, folder).status == 66)
        }
    }
}
