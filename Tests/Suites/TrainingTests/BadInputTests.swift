import Checkpoints
import Datasets
import Essentials
import Foundation
import Kernels
import Recipes
import TestSupport
import Testing
import Training

@Suite("Bad input: one sentence, the right exit code on every rank, nothing lost", .underMPIRun, .serialized)
struct BadInputTests {
    /// Expects a code and one sentence of ours with all the words, soon.
    private func expect(_ result: ProgramResult, _ status: Int32, _ words: String...) {
        #expect(result.status == status, "\(result.errors)")
        let sentences = result.errors.split(separator: "\n").filter { $0.hasPrefix("steadfast: ") }
        #expect(sentences.count == 1, "\(result.errors)")
        for word in words { #expect(sentences.first?.contains(word) == true, "no '\(word)' in \(sentences)") }
        #expect(result.seconds < 30)
    }

    @Test("more ranks than lanes, a batch smaller than the lanes")
    func counts() throws {
        try withTemporaryDirectory { folder in
            expect(
                try train(smallRecipe + ["--set", "lanes=2"], ranks: 3, run: folder + "/a"), 64, "3 ranks", "2 lanes")
            expect(try train(smallRecipe + ["--set", "batch=4"], ranks: 2, run: folder + "/b"), 64, "lanes")
        }
    }

    @Test("a set that is asked for by name and cannot be read, beside one that can")
    func listing() throws {
        let folder = try TemporaryFolder()
        try folder.write([1, 2, 3], to: "bad.npz")
        func list(_ names: String...) throws -> ProgramResult {
            try spawn("steadfast", arguments: ["data", "list"] + names).wait(timeout: 30)
        }
        let bad = try list(folder.file("bad.npz"), "glyphs")
        #expect(bad.status == 65 && bad.output.contains("bad.npz") && bad.output.contains("12000 + 2000 images"))
        #expect(try list(folder.file("none.npz")).status == 66)
        #expect(try list("glyphs").status == 0 && list().status == 0)
    }

    @Test("a set without training images")
    func evaluationAlone() throws {
        let folder = try TemporaryFolder()
        let images = NumPy.npy("|u1", [4, 28, 28, 1], [UInt8](repeating: 9, count: 4 * 784))
        let labels = NumPy.npy("|u1", [4], [0, 1, 2, 9])
        let path = folder.file("tests.npz")
        try folder.write(NumPy.zip([("test_images.npy", images), ("test_labels.npy", labels)]), to: "tests.npz")
        let recipe = try Recipe.load("glyphs-plain", overrides: ["dataset=" + path])
        let failure = #expect(throws: Failure.self) { try TrainingOutlook(recipe) }
        #expect(failure?.code == .usage)
        #expect(failure?.message.contains("has no training images: it is for evaluation alone") == true)
    }

    @Test("a shift or cutout that may leave nothing of an image", arguments: ["shift", "cutout"])
    func sizes(key: String) throws {
        func outlook(_ pixels: Int) throws -> TrainingOutlook {
            try TrainingOutlook(try Recipe.load("glyphs-plain", overrides: ["\(key)=\(pixels)"]))
        }
        #expect(throws: Never.self) { try outlook(27) }
        let failure = #expect(throws: Failure.self) { try outlook(28) }
        #expect(failure?.code == .usage)
        #expect(failure?.message.hasPrefix("\(key): 28 is too large for images of 28 x 28 pixels: at most 27") == true)
    }

    @Test("what cannot fit into memory is refused before any is taken")
    func memory() throws {
        try withTemporaryDirectory { folder in
            func layers(_ first: String) -> [String] {
                let list = "[{convolution: {channels: 65536, size: 1}}, \(first){fully_connected: {channels: 10}}]"
                return plainRecipe + ["--set", "network.architecture=custom", "--set", "network.layers=\(list)"]
            }
            let weights = layers("{fully_connected: {channels: 65536}}, ")
            expect(try train(weights, ranks: 2, run: folder + "/a"), 64, "fc1 of 65536 channels is too large")
            let batch = layers("") + ["--set", "batch=12000"]
            expect(try train(batch, ranks: 2, run: folder + "/b"), 69, "each rank needs at least 5 TB", "for the batch")
            let drawn = smallRecipe + ["--set", "mean_training.samples=1000000000"]
            expect(try train(drawn, ranks: 2, run: folder + "/c"), 64, "mean_training.samples")
        }
    }

    @Test("unknown keys, recipes and values name the nearest valid one")
    func names() throws {
        try withTemporaryDirectory { folder in
            let key = try train(smallRecipe + ["--set", "learnin_rate=1"], ranks: 2, run: folder + "/a")
            expect(key, 64, "learnin_rate", "learning_rate")
            expect(try train(["glyphs-mrelu-rm"], ranks: 2, run: folder + "/b"), 66, "glyphs-mrelu-r-m")
        }
    }

    @Test(
        "a loss that is not finite, or moments that run away while it stays finite, stop the run before they are saved",
        arguments: ["variant=paper", "max_steps=40"])
    func notFinite(setting: String) throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let broken = try train(
                plainRecipe + [
                    "--set", setting, "--set", "learning_rate=1000", "--set", "checkpoint.every_steps=1",
                ],
                ranks: 2, run: run)
            expect(broken, 70, "not a finite number at step", "checkpoint")
            try expectFinite(run)
        }
    }

    private func expectFinite(_ run: String) throws {
        let last = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run))
        for (path, tensor) in last.tensors {
            guard case .float32(let values) = tensor.elements else { continue }
            #expect(values.allSatisfy { $0.isFinite }, "\(path)")
        }
    }

    @Test("a run that never began leaves its directory to the next try")
    func neverBegan() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            expect(try train(smallRecipe + ["--set", "lanes=2"], ranks: 3, run: run), 64, "3 ranks")
            #expect(try train(smallRecipe + ["--set", "lanes=2"], ranks: 2, run: run).status == 0)
        }
    }

    @Test("a checkpoint of another recipe, put into a run, is refused")
    func anotherRecipe() throws {
        try withTemporaryDirectory { folder in
            #expect(try train(ranks: 1, run: folder + "/run").status == 0)
            try FileManager.default.removeItem(atPath: folder + "/run/recipe.yaml")
            let refused = try train(smallRecipe + ["--set", "seed=9"], ranks: 2, run: folder + "/run", "--resume")
            expect(refused, 65, "step-00000012.h5", "seed")
        }
    }

    @Test("missing, truncated and mislabelled data files")
    func dataFiles() throws {
        try withTemporaryDirectory { folder in
            let recipe = ["glyphs-mrelu-r-m", "--set", "dataset=mine", "--set", "network.architecture=mnist"]
            func attempt(_ name: String) throws -> ProgramResult {
                try train(recipe + ["--data-directory", folder], ranks: 2, run: folder + "/run-" + name)
            }
            expect(try attempt("missing"), 66, "mine")
            try FileManager.default.createDirectory(atPath: folder + "/mine", withIntermediateDirectories: true)
            _ = try Dataset.locate("glyphs").writeIDX(into: folder + "/mine")
            let images = folder + "/mine/train-images-idx3-ubyte"
            let labels = folder + "/mine/train-labels-idx1-ubyte"
            let whole = try Data(contentsOf: URL(fileURLWithPath: images))
            try whole.dropLast(1000).write(to: URL(fileURLWithPath: images))
            expect(try attempt("truncated"), 65, "train-images")
            try whole.write(to: URL(fileURLWithPath: images))
            var wrong = try Data(contentsOf: URL(fileURLWithPath: labels))
            wrong.removeLast(5)
            try wrong.write(to: URL(fileURLWithPath: labels))
            expect(try attempt("labels"), 65, "train-labels")
        }
    }

    @Test("a damaged newest checkpoint is passed over with a warning; damage to all is refused")
    func damagedCheckpoints() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let recipe = smallRecipe + ["--set", "checkpoint.every_steps=4"]
            #expect(try train(recipe, ranks: 1, run: run).status == 0)
            let end = try digest(ofRun: run)
            try flip(run + "/checkpoints/step-00000012.h5", at: 9000)
            let resumed = try train(recipe, ranks: 2, run: run, "--resume")
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("warning") && resumed.errors.contains("step-00000012.h5"))
            #expect(try digest(ofRun: run) == end)
            for step in ["04", "08", "12"] { try flip(run + "/checkpoints/step-000000\(step).h5", at: 5000) }
            expect(try train(recipe, ranks: 2, run: run, "--resume"), 65, "no checkpoint")
        }
    }

    @Test("a checkpoint of another network is refused")
    func anotherNetwork() throws {
        try withTemporaryDirectory { folder in
            #expect(try train(ranks: 1, run: folder + "/a").status == 0)
            #expect(try train(plainRecipe, ranks: 1, run: folder + "/b").status == 0)
            for file in try FileManager.default.contentsOfDirectory(atPath: folder + "/b/checkpoints") {
                try FileManager.default.removeItem(atPath: folder + "/b/checkpoints/" + file)
            }
            for file in ["latest", "step-00000012.h5"] {
                try FileManager.default.copyItem(
                    atPath: "\(folder)/a/checkpoints/\(file)", toPath: "\(folder)/b/checkpoints/\(file)")
            }
            let refused = try train(plainRecipe, ranks: 2, run: folder + "/b", "--resume")
            expect(refused, 65, "step-00000012.h5", "another network")
        }
    }

    @Test("a run directory that cannot be made")
    func directories() throws {
        try withTemporaryDirectory { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            expect(try train(ranks: 2, run: folder + "/file/run"), 73, "file/run")
        }
    }

    @Test(
        "a run directory on a full disk",
        .enabled(if: SmallFileSystem.isAllowed, "only root may mount a file system"))
    func fullDisk() throws {
        try withSmallFileSystem(kilobytes: 1_024) { full in
            let result = try train(ranks: 2, run: full + "/run")
            expect(result, 74, full)
            let left = try FileManager.default.contentsOfDirectory(atPath: full + "/run/checkpoints")
            #expect(left.isEmpty, "\(left)")
        }
    }

    private func flip(_ path: String, at offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[offset] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
    }
}
