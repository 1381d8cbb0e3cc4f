import Checkpoints
import Foundation
import Kernels
import TestSupport
import Testing

@Suite("A data set and a network of the user's own")
struct OwnNetworkTests {
    /// IDX files of images that are bright in the row of their class: 12 rows, 9 columns, 3 channels, 5 classes.
    private func writeData(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, count) in [("train", 300), ("t10k", 60)] {
            func header(_ extents: [Int]) -> Data {
                Data([0, 0, 8, UInt8(extents.count)] + extents.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] })
            }
            var images = header([count, 12, 9, 3])
            var labels = header([count])
            for i in 0..<count {
                let label = i * 7 % 5
                labels.append(UInt8(label))
                for row in 0..<12 {
                    for element in 0..<27 { images.append(UInt8((row / 2 == label ? 180 : 20) + (i + element) % 40)) }
                }
            }
            try images.write(to: URL(fileURLWithPath: "\(folder)/\(name)-images-idx4-ubyte"))
            try labels.write(to: URL(fileURLWithPath: "\(folder)/\(name)-labels-idx1-ubyte"))
        }
    }

    private func recipe(_ activation: String) -> String {
        """
        dataset: bars
        network:
          architecture: custom
          activation: \(activation)
          layers:
            - convolution: {channels: 6, size: 3, padding: 1, deviation: 0.05}
            - activation: sigmoid
            - pooling: {kind: average, size: 2}
            - fully_connected: {channels: 20, deviation: 0.05}
            - activation: relu
            - fully_connected: {channels: 5, deviation: 0.05}
        epochs: 8
        batch: 20
        lanes: 4
        learning_rate: 0.01
        """
    }

    @Test("learns, plain and robust, and is evaluated", arguments: ["plain", "rbf", "mrelu"])
    func learns(activation: String) throws {
        try withTemporaryDirectory { folder in
            try writeData(to: folder + "/bars")
            try recipe(activation).write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
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

    @Test("mean_image: zero trains on the pixels themselves; else the mean of the training images is subtracted")
    func meanImage() throws {
        try withTemporaryDirectory { folder in
            try writeData(to: folder + "/bars")
            for (value, isZero) in [("zero", true), ("training", false)] {
                let text = recipe("plain") + "\nmean_image: \(value)\nmax_steps: 1"
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

    @Test("a network that does not fit the images is refused in one sentence")
    func misfit() throws {
        try withTemporaryDirectory { folder in
            try writeData(to: folder + "/bars")
            let text = recipe("mrelu").replacingOccurrences(of: "size: 3, padding: 1", with: "size: 25")
            try text.write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
            let refused = try train([folder + "/bars.yaml"], ranks: 2, run: folder + "/run", "--data-directory", folder)
            #expect(refused.status == 64)
            #expect(refused.errors.contains("steadfast: ") && refused.errors.contains("conv1"), "\(refused.errors)")
        }
    }
}
