import Checkpoints
import Foundation
import HDF5Files
import Robustness
import TestSupport
import Testing

@Suite("steadfast predict") struct PredictTests {
    /// A run on images of bars whose classes have names.
    private func withRun(_ body: (_ folder: String) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/bars.yaml"
            try barRecipe("mrelu", more: "max_steps: 40").write(toFile: recipe, atomically: true, encoding: .utf8)
            let trained = try spawn(
                "steadfast", arguments: ["train", recipe, "--run", folder + "/run", "--data-directory", folder]
            ).wait(timeout: 60)
            #expect(trained.status == 0, "\(trained.errors)")
            try body(folder)
        }
    }

    private func predict(_ network: String, _ images: [String], _ more: [String] = []) throws -> ProgramResult {
        try spawn("steadfast", arguments: ["predict", network] + images + more).wait(timeout: 60)
    }

    @Test("classes, confidences and rejections are those that an evaluation records, in a table and as CSV")
    func agrees() throws {
        try withRun { folder in
            let evaluated = try evaluate(
                folder + "/run", output: folder + "/out", ["--attacks", "clean", "--data-directory", folder])
            #expect(evaluated.status == 0, "\(evaluated.errors)")
            let tree = try SealedFile.read(folder + "/out/results.h5")
            guard case .int16(let winners) = tree.tensors["attacks/clean/prediction"]?.elements,
                case .float32(let confidences) = tree.tensors["attacks/clean/confidence"]?.elements,
                case .uint8(let outcomes) = tree.tensors["attacks/clean/outcome"]?.elements
            else {
                Issue.record("the results lack the clean records")
                return
            }
            let images = folder + "/bars/t10k-images-idx4-ubyte"
            let table = try predict(folder + "/run", [images])
            #expect(table.status == 0 && table.lines.count == 61, "\(table.errors)")
            let named = try predict(folder + "/run", [images], ["--output", folder + "/out.csv"])
            #expect(named.status == 0 && named.output.isEmpty)
            let lines = try String(contentsOfFile: folder + "/out.csv", encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 61 && lines[0] == "file,index,output,class,confidence,outcome")
            for image in 0..<60 {
                let fields = lines[image + 1].split(separator: ",")
                #expect(fields[0] == images && Int(fields[1]) == image && Int16(fields[2]) == winners[image])
                #expect(fields[4] == String(format: "%.6f", confidences[image]))
                #expect((fields[5] == "rejected") == (outcomes[image] == 2))
                #expect(table.lines[image + 1].contains("rejected") == (outcomes[image] == 2))
            }
        }
    }

    @Test("classes are called by the names that the checkpoint keeps")
    func names() throws {
        try withRun { folder in
            var checkpoint = try Checkpoint.load(folder + "/run/checkpoints/step-00000040.h5")
            checkpoint.header.classNames = ["red, dark", "b, \"bright\"", "c,", ",d", "e\""]
            try checkpoint.save(to: folder + "/named.h5")
            #expect(try Checkpoint.load(folder + "/named.h5").header == checkpoint.header)
            let images = [folder + "/bars/t10k-images-idx4-ubyte"]
            let result = try predict(folder + "/named.h5", images, ["--output", folder + "/out.csv"])
            #expect(result.status == 0, "\(result.errors)")
            let names = try #require(checkpoint.header.classNames) + ["nonsense"]
            for line in try String(contentsOfFile: folder + "/out.csv", encoding: .utf8).split(separator: "\n")
                .dropFirst()
            {
                let fields = CSVText.fields(line)
                #expect(fields.count == 6 && fields[3] == names[min(Int(fields[2]) ?? 5, 5)])
            }
            checkpoint.header.classNames = ["a", "b"]
            try checkpoint.save(to: folder + "/wrong.h5")
            #expect(
                try failure { _ = try Checkpoint.load(folder + "/wrong.h5") }.message
                    .contains("its attribute 'class_names' is no JSON array of 5 texts"))
        }
    }

    @Test("bad input: one sentence, the right exit code")
    func refusals() throws {
        try withRun { folder in
            let run = folder + "/run"
            expect(try predict(run, [folder + "/none.png"]), 66, ["none.png"])
            expect(try predict(run, [folder + "/bars.yaml"]), 65, ["bars.yaml", "is no picture"])
            expect(try predict(run, [folder + "/bars/t10k-labels-idx1-ubyte"]), 65, ["[60]", "12x9x3"])
            expect(try predict(folder + "/none.h5", [folder]), 66, ["none.h5"])
            expect(try predict(folder + "/a.onnx", [folder]), 64, ["--dataset"])
            expect(try predict(folder + "/a.onnx", [folder], ["--dataset", "mnist", "--best"]), 64, ["--best"])
            for option in ["--dataset", "--mean", "--deviation"] {
                expect(try predict(run, [folder + "/bars"], [option, "5"]), 64, [option, "ONNX"])
            }
            expect(try predict(folder + "/a.onnx", [folder], ["--dataset", "mnist"]), 66, ["a.onnx"])
            let best = try predict(folder + "/a.onnx", [folder], ["--dataset", "mnist", "--best"])
            expect(best, 64, ["--best", "a.onnx"])
            for option in ["--mean", "--deviation", "--dataset"] {
                expect(try predict(run, [folder + "/bars"], [option, "0.5"]), 64, [option, "ONNX", run])
            }
        }
    }
}
