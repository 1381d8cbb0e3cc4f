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
