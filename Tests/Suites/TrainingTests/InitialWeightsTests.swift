import Checkpoints
import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Runs that start from a network", .underMPIRun, .serialized)
struct InitialWeightsTests {
    private static let shape = ImageShape(height: 12, width: 9, channels: 3)

    /// Trains on bars of so many classes.
    private func train(
        _ recipe: String, in folder: String, run: String, ranks: Int = 1, _ values: String...
    ) throws -> ProgramResult {
        try spawnMpirun(
            ranks: ranks, "steadfast",
            arguments: ["train", recipe, "--run", folder + "/" + run, "--data-directory", folder]
                + values.flatMap { $0.hasPrefix("--") ? [$0] : ["--set", $0] }
        ).wait(timeout: 120)
    }

    private func withRuns(
        _ body: (_ folder: String, _ recipe: String, _ source: Checkpoint) throws -> Void
    ) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/bars.yaml"
            try barRecipe("mrelu").write(toFile: recipe, atomically: true, encoding: .utf8)
            let first = try train(recipe, in: folder, run: "first", "max_steps=20")
            #expect(first.status == 0, "\(first.errors)")
            try body(folder, recipe, try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/first")))
        }
    }

    @Test("weights, moments and mean image are the network's; on several numbers of ranks, and resumed without it")
    func start() throws {
        try withRuns { folder, recipe, source in
            let weights = "initial_weights=\(folder)/first"
            // A rate that moves nothing.
            let still = try train(recipe, in: folder, run: "still", weights, "learning_rate=1e-30", "max_steps=1")
            #expect(still.status == 0, "\(still.errors)")
            let begun = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/still"))
            for (path, tensor) in source.tensors where path.hasPrefix("model/") && !path.contains("running_") {
                #expect(begun.tensors[path] == tensor, "\(path)")
            }
            #expect(begun.tensors["input/mean_image"] == source.tensors["input/mean_image"])
            #expect(begun.header.initialWeightsDigest == source.contentDigest && begun.header.step == 1)
            #expect(begun.describe().contains(source.contentDigest))

            for ranks in [1, 3] {
                let trained = try train(
                    recipe, in: folder, run: "\(ranks)", ranks: ranks, weights, "max_steps=20", "validation=40")
                #expect(trained.status == 0, "\(trained.errors)")
            }
            let whole = try digest(ofRun: folder + "/1")
            #expect(try digest(ofRun: folder + "/3") == whole)
            _ = try train(recipe, in: folder, run: "parts", ranks: 2, weights, "max_steps=9", "validation=40")
            try FileManager.default.removeItem(atPath: folder + "/first")
            let parts = folder + "/parts"
            let resumed = try train(parts, in: folder, run: "parts", ranks: 4, "--resume", "max_steps=20")
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(try digest(ofRun: parts) == whole)
            let last = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: parts))
            #expect(last.header.initialWeightsDigest == source.contentDigest)
        }
    }

    @Test("layers that start anew; what does not fit is one sentence, and no run is left")
    func otherClasses() throws {
        try withRuns { folder, recipe, source in
            try writeBarImages(to: folder + "/three", classes: 3)
            let other = folder + "/three.yaml"
            try String(contentsOfFile: recipe, encoding: .utf8)
                .replacingOccurrences(of: "dataset: bars", with: "dataset: three")
                .replacingOccurrences(of: "channels: 5", with: "channels: 3")
                .write(toFile: other, atomically: true, encoding: .utf8)
            let weights = "initial_weights=\(folder)/first"
            for (values, code, sentence) in [
                ([weights], 65, "/model/fc2/weight should be float32"),
                ([weights, "fresh_layers=[fc3]"], 64, "did you mean 'fc1'?"),
                (["fresh_layers=[fc2]"], 64, "is for runs that start from initial_weights"),
                (["mean_image=initial"], 64, "which is not set"),
                (["initial_weights=\(folder)/none.h5"], 66, "none.h5"),
                ([weights, "fresh_layers=[fc2]", "input_scale=0.5"], 65, "set input_scale"),
                ([weights, "fresh_layers=[fc2]", "network.stabilizer=1e-5"], 65, "set network.stabilizer"),
            ] {
                let refused = try spawnMpirun(
                    ranks: 2, "steadfast",
                    arguments: ["train", other, "--run", folder + "/no", "--data-directory", folder]
                        + values.flatMap { ["--set", $0] }
                ).wait(timeout: 60)
                #expect(refused.status == code && refused.errors.contains(sentence), "\(values): \(refused.errors)")
                #expect(!FileManager.default.fileExists(atPath: folder + "/no"))
            }
            let trained = try train(
                other, in: folder, run: "three", ranks: 2, weights, "fresh_layers=[fc2]", "max_steps=1",
                "learning_rate=1e-30")
            #expect(trained.status == 0, "\(trained.errors)")
            let begun = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/three"))
            #expect(begun.tensors["model/fc1/weight"] == source.tensors["model/fc1/weight"])
            #expect(begun.tensors["model/fc2/weight"]?.shape == [3, 20, 1, 1])
        }
    }

    @Test("an imported network is trained further by the recipe that its checkpoint has, with its mean image")
    func imported() throws {
        try withRuns { folder, own, source in
            func steadfast(_ arguments: String...) throws -> ProgramResult {
                let result = try spawn("steadfast", arguments: arguments).wait()
                #expect(result.status == 0, "\(result.errors)")
                return result
            }
            _ = try steadfast("export", folder + "/first", "--format", "onnx", "--output", folder + "/a.onnx")
            // A data set that is named by its path, in a text that has to be quoted in YAML.
            let bars = folder + "/the \"bars\" #1"
            try FileManager.default.moveItem(atPath: folder + "/bars", toPath: bars)
            _ = try steadfast("import", folder + "/a.onnx", "--dataset", bars, "--output", folder + "/a.h5")
            #expect(try Checkpoint.load(folder + "/a.h5").header.dataset == bars)
            _ = try steadfast(
                "evaluate", folder + "/a.h5", "--attacks", "clean", "--output", folder + "/out", "--quiet")
            func further(_ name: String) throws -> Checkpoint {
                let (network, recipe) = ("\(folder)/\(name).h5", "\(folder)/\(name).yaml")
                try steadfast("inspect", network, "--recipe").output
                    .write(toFile: recipe, atomically: true, encoding: .utf8)
                let trained = try train(
                    recipe, in: folder, run: name, ranks: 2, "initial_weights=\(network)", "max_steps=1", "batch=20",
                    "learning_rate=1e-30")
                #expect(trained.status == 0, "\(trained.errors)")
                return try Checkpoint.load(try RunDirectory.latestCheckpoint(in: "\(folder)/\(name)"))
            }
            let begun = try further("a")
            let parameters = ["model/conv1/weight", "model/norm1/gamma", "model/fc2/bias"]
            for path in parameters + ["input/mean_image"] {
                #expect(begun.tensors[path] == source.tensors[path], "\(path)")
            }

            // Parameters alone: without its mean image an export counts as another program's.
            let file = folder + "/b.safetensors"
            _ = try steadfast("export", folder + "/first", "--format", "safetensors", "--output", file)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            let name = try #require(bytes.range(of: Data("input.mean_image".utf8)))
            bytes.replaceSubrange(name, with: Data("other.mean_image".utf8))
            try bytes.write(to: URL(fileURLWithPath: file))
            _ = try steadfast(
                "import", file, "--recipe", own, "--dataset", bars, "--mean", ".5,.4,.3", "--output", folder + "/b.h5")
            let said = try Checkpoint.load(folder + "/b.h5").tensors["input/mean_image"]
            let second = try further("b")
            #expect(said != nil && said != source.tensors["input/mean_image"])
            #expect(second.tensors["input/mean_image"] == said && second.header.dataset == bars)
            for path in parameters { #expect(second.tensors[path] == source.tensors[path], "\(path)") }
            // PyTorch's epsilon, which the recipe does not state.
            #expect(try second.network().stabilizer == 1e-5 && begun.network().stabilizer == 1e-4)
        }
    }
}
