import Checkpoints
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite(
    "An evaluation is never lost: killed, stopped, resumed, it ends as if nothing had happened", .underMPIRun,
    .serialized)
struct EvaluationResumeTests {
    private let request = [
        "--attacks", "clean,fgsm,pgd:steps=10,nonsense", "--strengths", "0.1,0.3", "--samples", "700", "--chunk", "30",
        "--quiet",
    ]

    /// Starts the evaluation on some ranks and waits until some chunks are in the journal.
    private func start(
        _ folder: String, network: String = "run", ranks: Int, moreThan bytes: Int, _ more: [String] = []
    ) throws -> RunningProgram {
        let program = try spawnMpirun(
            ranks: ranks, "steadfast",
            arguments: ["evaluate", "\(folder)/\(network)", "--output", folder + "/out", "--resume"] + request + more)
        let end = Date.now.addingTimeInterval(60)
        while size(folder + "/out/journal") <= bytes, Date.now < end { usleep(2000) }
        return program
    }

    private func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    @Test("killed at one rank and at three, stopped by USR1, a torn journal: the same bits as in one go")
    func kills() throws {
        try withTrainedRun { folder in
            let whole = try evaluate(folder + "/run", output: folder + "/whole", request)
            #expect(whole.status == 0, "\(whole.errors)")
            try start(folder, ranks: 3, moreThan: 500).killAll()
            let first = size(folder + "/out/journal")
            try start(folder, ranks: 1, moreThan: first + 500).killAll()
            let second = size(folder + "/out/journal")
            #expect(second > first)
            // A write that was torn, and what stands behind it.
            let journal = try #require(FileHandle(forUpdatingAtPath: folder + "/out/journal"))
            try journal.seekToEnd()
            try journal.write(contentsOf: Data([60, 2, 0, 0, 0, 0, 0, 0, 1, 2, 3]))
            try journal.close()
            let stopped = try start(folder, ranks: 2, moreThan: second + 500)
            let halted = stopped.halt(ranks: 2)
            stopped.signal(SIGUSR1)
            try halted.goOn(after: SIGUSR1)
            let result = try stopped.wait(timeout: 30)
            #expect(result.status == 75, "\(result.errors)")
            #expect(result.errors.contains("--resume"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/out/results.h5"))
            let last = try start(folder, ranks: 4, moreThan: 0).wait(timeout: 120)
            #expect(last.status == 0, "\(last.errors)")
            try expectEqual(folder + "/out", folder + "/whole")
            #expect(!FileManager.default.fileExists(atPath: folder + "/out/journal"))
            // Finished: nothing is done again.
            let before = try FileManager.default.attributesOfItem(atPath: folder + "/out/results.h5")
            let again = try evaluate(folder + "/run", output: folder + "/out", ranks: 2, request + ["--resume"])
            #expect(again.status == 0, "\(again.errors)")
            let after = try FileManager.default.attributesOfItem(atPath: folder + "/out/results.h5")
            #expect(before[.modificationDate] as? Date == after[.modificationDate] as? Date)
            try expectEqual(folder + "/out", folder + "/whole")
        }
    }

    @Test("an imported network: the same bits on 1 to 4 ranks, and when it was killed and resumed")
    func imported() throws {
        try withTemporaryDirectory { folder in
            var graph = ONNXModelWriter()
            let first = graph.tensor("w", [4, 1, 5, 5], gaussians(100, 1))
            let x = graph.node("Conv", ["x", first], "a", ["strides": .integers([3, 3])])
            let silu = graph.node("Mul", [x, graph.node("Sigmoid", [x], "s")], "m")
            let sum = graph.node("Add", [silu, x], "sum")
            let mean = graph.node("AveragePool", [sum], "p", ["kernel_shape": .integers([2, 2])])
            let flat = graph.node("Flatten", [mean], "f")
            let end = graph.node("MatMul", [flat, graph.tensor("v", [196, 10], gaussians(1960, 2))], "fc")
            try Data(graph.model(input: [1, 1, 28, 28], output: end)).write(
                to: URL(fileURLWithPath: folder + "/net.onnx"))
            // The network is small: with more steps a kill still comes before the end.
            let more = ["--dataset", "glyphs", "--deviation", "0.3", "--attacks", "clean,fgsm,pgd:steps=30,nonsense"]
            for ranks in 1...4 {
                let result = try evaluate(
                    folder + "/net.onnx", output: "\(folder)/\(ranks)", ranks: ranks, request + more)
                #expect(result.status == 0, "\(result.errors)")
                try expectEqual("\(folder)/\(ranks)", folder + "/1")
            }
            try start(folder, network: "net.onnx", ranks: 3, moreThan: 500, more).killAll()
            let killed = size(folder + "/out/journal")
            let last = try start(folder, network: "net.onnx", ranks: 2, moreThan: killed, more).wait(timeout: 120)
            #expect(killed > 500 && last.status == 0, "\(last.errors)")
            try expectEqual(folder + "/out", folder + "/1")
        }
    }

    @Test("a directory of another evaluation is refused, finished or not, and so is one in use")
    func otherEvaluation() throws {
        try withTrainedRun { folder in
            try start(folder, ranks: 2, moreThan: 500).killAll()
            let journal = try Data(contentsOf: URL(fileURLWithPath: folder + "/out/journal"))
            func attempt(_ more: [String]) throws -> ProgramResult {
                try evaluate(folder + "/run", output: folder + "/out", ranks: 2, more)
            }
            let fresh = try attempt(request)
            #expect(fresh.status == 73 && fresh.errors.contains("--resume"), "\(fresh.errors)")
            for change in [["--seed", "2"], ["--samples", "600"], ["--strengths", "0.1"], ["--every", "2"]] {
                let other = try attempt(request + change + ["--resume"])
                #expect(other.status == 64 && other.errors.contains("another evaluation"), "\(other.errors)")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/out/journal")) == journal)
            #expect(try attempt(request + ["--resume"]).status == 0)
            let finished = try attempt(["--attacks", "clean", "--samples", "700"])
            #expect(finished.status == 64 && finished.errors.contains("another evaluation"), "\(finished.errors)")
            // It stands still as long as the second one waits for it.
            let running = try spawn(
                "steadfast",
                arguments: [
                    "evaluate", folder + "/run", "--output", folder + "/busy", "--attacks", "clean,pgd:steps=30",
                    "--strengths", "0.1", "--samples", "300",
                ])
            while size(folder + "/busy/journal") == 0, running.isRunning { usleep(2000) }
            running.signal(SIGSTOP)
            let second = try evaluate(folder + "/run", output: folder + "/busy", request)
            running.signal(SIGCONT)
            #expect(second.status == 69 && second.errors.contains("another job"), "\(second.errors)")
            #expect(try running.wait(timeout: 120).status == 0)
        }
    }

    private func expectEqual(_ one: String, _ other: String) throws {
        #expect(try summary(one) == summary(other))
        #expect(
            try SealedFile.read(one + "/results.h5").tensors == SealedFile.read(other + "/results.h5").tensors)
    }
}
