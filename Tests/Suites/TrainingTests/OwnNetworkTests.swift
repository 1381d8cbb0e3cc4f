import Checkpoints
import Foundation
import Kernels
import TestSupport
import Testing

@Suite("A data set and a network of the user's own", .underMPIRun)
struct OwnNetworkTests {
    @Test("learns, plain and robust, and is evaluated", arguments: ["plain", "rbf", "mrelu"])
    func learns(activation: String) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            try barRecipe(activation).write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
            let trained = try train(
                [folder + "/bars.yaml"], ranks: 2, run: folder + "/run", "--data-directory", folder)
            #expect(trained.status == 0, "\(trained.errors)")
            let error = try metrics(ofRun: folder + "/run").last { $0["event"] as? String == "epoch" }?["error"]
            #expect(try #require(error as? Double) < 0.1)
            let evaluated = try spawn(
                "steadfast",
                arguments: [
                    "evaluate", folder + "/run", "--attacks", "clean,fgs-lmax", "--strengths", "0.1", "--output",
                    folder + "/out", "--data-directory", folder,
                ]
            ).wait()
            #expect(evaluated.status == 0, "\(evaluated.errors)")
            let rows = try String(contentsOfFile: folder + "/out/summary.csv", encoding: .utf8).split(separator: "\n")
            #expect(rows.count == 3 && rows[1].contains(",bars,clean,0,inf,60,0.000000,"), "\(rows)")
        }
    }

    @Test("small networks that state neither deviations nor a scale learn, and attacks see the scale")
    func sensibleDefaults() throws {
        let networks = [
            "[{fully_connected: {channels: 5}}]",
            "[{convolution: {channels: 6, size: 3}}, {activation: relu}, {fully_connected: {channels: 5}}]",
            "[{convolution: {channels: 8, size: 3}}, {activation: relu}, {pooling: {kind: max, size: 2}}, "
                + "{fully_connected: {channels: 20}}, {activation: relu}, {fully_connected: {channels: 5}}]",
        ]
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            for (index, layers) in networks.enumerated() {
                let recipe = folder + "/own.yaml"
                let text =
                    "dataset: bars\nnetwork: {architecture: custom, layers: \(layers)}\n"
                    + "learning_rate: 0.03\nbatch: 20\nepochs: 8\n"
                try text.write(toFile: recipe, atomically: true, encoding: .utf8)
                let run = "\(folder)/\(index)"
                let trained = try train([recipe], ranks: 2, run: run, "--data-directory", folder)
                #expect(trained.status == 0, "\(trained.errors)")
                let error = try metrics(ofRun: run).last { $0["event"] as? String == "epoch" }?["error"]
                #expect(try #require(error as? Double) < 0.1, "\(layers)")
                #expect(
                    try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)).network().inputScale?.count == 1)
            }
        }
    }

    @Test("mean_image: zero trains on the pixels themselves; else the mean of the training images is subtracted")
    func meanImage() throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            for (value, isZero) in [("zero", true), ("training", false)] {
                let text = barRecipe("plain", more: "mean_image: \(value)\nmax_steps: 1")
                try text.write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
                let run = "\(folder)/\(value)"
                let trained = try train([folder + "/bars.yaml"], ranks: 2, run: run, "--data-directory", folder)
                #expect(trained.status == 0, "\(trained.errors)")
                let checkpoint = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run))
                let mean = try checkpoint.meanImage(ImageShape(height: 12, width: 9, channels: 3))
                #expect(mean.allSatisfy { isZero ? $0 == 0 : $0 > 20 }, "\(value): \(mean)")
            }
        }
    }

    /// Trains a recipe on the bars of a folder up to a step, into a run of the folder, and returns its digest.
    private func trainedDigest(
        _ recipe: String, in folder: String, ranks: Int, steps: Int, run: String, _ more: [String]
    ) throws -> String {
        let trained = try train(
            [recipe, "--set", "max_steps=\(steps)"] + more, ranks: ranks, run: folder + "/" + run, "--data-directory",
            folder)
        #expect(trained.status == 0, "\(trained.errors)")
        return try digest(ofRun: folder + "/" + run)
    }

    /// A residual network for the bars, one of its blocks before the activation, and sums of named layers.
    private func residualRecipe(_ activation: String) -> String {
        let graph = """
                - convolution: {channels: 5, size: 1}
                  name: small
                - convolution: {channels: 5, size: [1, 3], padding: [0, 2, 0, 0]}
                  inputs: [image]
                - {add: , inputs: [small, conv2]}
            """
        return """
            dataset: bars
            network:
              architecture: custom
              activation: \(activation)
              layers:
            \(activation == "plain" ? graph : "")
                - convolution: {channels: 6, size: 3, padding: 1, deviation: 0.2, bias: false}
                - batch_normalization
                - activation: relu
                - residual:
                    body:
                      - convolution: {channels: 8, size: 3, padding: 1, stride: 2, deviation: 0.2}
                      - batch_normalization
                    shortcut:
                      - convolution: {channels: 8, size: 1, stride: 2, deviation: 0.5, bias: false}
                - residual:
                    body: [batch_normalization, {activation: relu}, {convolution: {channels: 8, size: 3, padding: 1}}]
                - batch_normalization
                - activation: relu
                - global_average_pooling
                - fully_connected: {channels: 5, deviation: 0.2}
            batch: 20
            input_scale: [0.01, 0.02, 0.01]
            lanes: 4
            learning_rate: 0.001
            """
    }

    @Test(
        "a residual network: equal bits on 1, 2, 3 and 4 ranks and after a stop and a resumption on others",
        arguments: ["plain", "mrelu"])
    func residual(activation: String) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/residual.yaml"
            try residualRecipe(activation).write(toFile: recipe, atomically: true, encoding: .utf8)
            func run(_ ranks: Int, steps: Int, in run: String, _ more: String...) throws -> String {
                try trainedDigest(recipe, in: folder, ranks: ranks, steps: steps, run: run, more)
            }
            let alone = try run(1, steps: 20, in: "1")
            for ranks in [2, 3, 4] { #expect(try run(ranks, steps: 20, in: "\(ranks)") == alone, "\(ranks) ranks") }
            _ = try run(3, steps: 9, in: "resumed")
            #expect(try run(2, steps: 20, in: "resumed", "--resume") == alone)
        }
    }

    @Test("dropout: equal bits on 1, 2, 3 and 4 ranks, resumed and audited; none of it in evaluation and exports")
    func dropout() throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/dropout.yaml"
            let layers =
                "[{convolution: {channels: 6, size: 3}}, {activation: relu}, {dropout: 0.2}, "
                + "{pooling: {kind: max, size: 2}}, {fully_connected: {channels: 20}}, {activation: relu}, "
                + "{dropout: 0.5}, {fully_connected: {channels: 5}}]"
            let text =
                "dataset: bars\nnetwork: {architecture: custom, layers: \(layers)}\n"
                + "learning_rate: 0.03\nbatch: 20\nlanes: 4\n"
            try text.write(toFile: recipe, atomically: true, encoding: .utf8)
            func run(_ ranks: Int, steps: Int, in run: String, _ more: String...) throws -> String {
                try trainedDigest(recipe, in: folder, ranks: ranks, steps: steps, run: run, more)
            }
            let alone = try run(1, steps: 20, in: "1")
            for ranks in runsAll ? [2, 3, 4] : [3] {
                #expect(try run(ranks, steps: 20, in: "\(ranks)") == alone, "\(ranks) ranks")
            }
            _ = try run(4, steps: 9, in: "resumed")
            #expect(try run(2, steps: 20, in: "resumed", "--resume", "--set", "audit=1") == alone)
            let undropped = layers.replacingOccurrences(of: "{dropout: 0.2}, ", with: "")
            #expect(try run(2, steps: 20, in: "other", "--set", "network.layers=\(undropped)") != alone)
            let accumulated = ["--set", "accumulation=2", "--set", "precise_moments=3"]
            guard runsAll else { return }
            let parts = try [1, 3].map {
                try run($0, steps: 20, in: "parts\($0)", accumulated[0], accumulated[1], accumulated[2], accumulated[3])
            }
            #expect(parts[0] == parts[1])
        }
    }

    @Test("after the first step a residual network's steps allocate nothing", arguments: ["plain", "mrelu"])
    func residualAllocations(activation: String) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/residual.yaml"
            try residualRecipe(activation).write(toFile: recipe, atomically: true, encoding: .utf8)
            for ranks in [1, 3] {
                let result = try spawnMpirun(
                    ranks: ranks, "RankProgram",
                    arguments: ["trainingAllocations", recipe, "data_directory=\(folder)"]
                ).wait(timeout: 60)
                #expect(result.status == 0, "\(ranks) ranks: \(result.errors)")
            }
        }
    }

    @Test("a network that does not fit the images is refused in one sentence")
    func misfit() throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let text = barRecipe("mrelu").replacingOccurrences(of: "size: 3, padding: 1", with: "size: 25")
            try text.write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
            let refused = try train([folder + "/bars.yaml"], ranks: 2, run: folder + "/run", "--data-directory", folder)
            #expect(refused.status == 64)
            #expect(refused.errors.contains("steadfast: ") && refused.errors.contains("conv1"), "\(refused.errors)")
        }
    }
}
