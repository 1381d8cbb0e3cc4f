import Checkpoints
import Datasets
import Foundation
import Kernels
import MessagePassing
import Networks
import TestSupport
import Testing

@Suite("Batch norm's moments averaged at an epoch's end")
struct PreciseMomentsTests {
    /// 96 images, two batches, all noisy; the rate is too small to move a weight.
    private static let recipe = [
        "glyphs-mrelu-r-m", "--set", "batch=48", "--set", "validation=11904", "--set", "mean_training=false", "--set",
        "random_training={amplitude: 0.5, probability: 1, scope: batch}", "--set", "epochs=2", "--set",
        "learning_rate=1e-12",
    ]

    @Test(
        "they are those of the training images without noise, found by a pass of its own over all of them", .underMPIRun
    )
    func means() throws {
        try withTemporaryDirectory { folder in
            for batches in [0, 100] {
                let result = try train(
                    Self.recipe + ["--set", "precise_moments=\(batches)"], ranks: 2, run: "\(folder)/\(batches)")
                #expect(result.status == 0, "\(result.errors)")
            }
            let precise = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/100"))
            let running = try Checkpoint.load(try RunDirectory.latestCheckpoint(in: folder + "/0"))
            let (mean, variance) = try momentsOfAll(precise)
            let found = try moments(precise)
            for channel in mean.indices {
                #expect(abs(found.mean[channel] - mean[channel]) < 0.01 * variance[channel].squareRoot())
                #expect(abs(found.variance[channel] - variance[channel]) < 0.05 * variance[channel])
            }
            // Noise of half the range adds to the variance of every filter.
            let noisy = try moments(running)
            #expect(zip(noisy.variance, variance).contains { abs($0 - $1) > 0.2 * $1 })
        }
    }

    @Test("on 1 and 3 ranks, resumed between two epochs, and replayed, they are the same bits", .underMPIRun)
    func invariance() throws {
        try withTemporaryDirectory { folder in
            let recipe = Self.recipe + ["--set", "precise_moments=1", "--set", "learning_rate=0.001"]
            #expect(try train(recipe, ranks: 1, run: folder + "/1").status == 0)
            let part = try train(recipe + ["--set", "max_steps=2"], ranks: 3, run: folder + "/3")
            #expect(part.status == 0, "\(part.errors)")
            #expect(try train(recipe, ranks: 2, run: folder + "/3", "--resume").status == 0)
            #expect(try digest(ofRun: folder + "/1") == digest(ofRun: folder + "/3"))
            let replayed = try spawnMpirun(ranks: 2, "steadfast", arguments: ["replay", folder + "/3", "--from", "2"])
                .wait(timeout: 120)
            #expect(replayed.status == 0, "\(replayed.errors)")
        }
    }

    private func moments(_ checkpoint: Checkpoint) throws -> (mean: [Float], variance: [Float]) {
        let model = try checkpoint.model()
        return first(model)
    }

    private func first(_ model: Model) -> (mean: [Float], variance: [Float]) {
        let layer = model.layout.moments[0]
        let values = Array(model.moments.elements[layer.offset..<layer.offset + 2 * layer.channels])
        return (Array(values.prefix(layer.channels)), Array(values.suffix(layer.channels)))
    }

    /// Those of the first layer, over the training images as one batch.
    private func momentsOfAll(_ checkpoint: Checkpoint) throws -> (mean: [Float], variance: [Float]) {
        BLAS.useOneThread()
        let model = try checkpoint.model()
        let images = try Dataset.locate("glyphs").read(.train)
        let ids = Splits(trainCount: images.count, validation: 11904, seed: 1).train
        let size = images.shape.count
        let propagation = Propagation(model, lanes: 1, laneCapacity: ids.count, backward: false)
        propagation.begin(images: ids.count)
        let mean = try checkpoint.meanImage(images.shape)
        mean.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for (row, id) in ids.enumerated() {
                images.fill(Int(id), minus: mean, into: propagation.input.pointer + row * size)
            }
        }
        try propagation.forward(.batch, reducer: nil)
        propagation.updateRunningMoments(rate: 1)
        return first(model)
    }
}
