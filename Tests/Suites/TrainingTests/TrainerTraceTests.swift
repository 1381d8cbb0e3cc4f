import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Kernels
import TestSupport
import Testing

/// The recorded steps of `Tests/Peers/step_trace.py`, taken by the trainer: its data from files, its gradients by tree
/// and by factors, its optimiser and its moments. A data set of one batch makes the order of samples immaterial.
@Suite("The trainer's own steps against PyTorch", .underMPIRun) struct TrainerTraceTests {
    private static let cases =
        [
            "trainer-mnist-plain", "trainer-mnist-mrelu", "trainer-mnist-adamw", "trainer-resnet20",
            "trainer-resnet20-mrelu",
        ] + (runsAll ? ["trainer-mnist-nesterov", "trainer-mnist-adam"] : [])
    private let tolerance = 1e-4

    @Test(
        "two steps on 1 and 3 ranks: loss, error, all that an optimiser keeps, weights, running moments within 1e-4",
        arguments: cases, [1, 3])
    func reproduces(_ name: String, ranks: Int) throws {
        let trace = try StepTrace.load(name)
        try withTemporaryDirectory { folder in
            try writeImages(trace, to: folder + "/mnist")
            let recipe = folder + "/traced.yaml"
            try text(trace, folder).write(toFile: recipe, atomically: true, encoding: .utf8)
            let trained = try spawnMpirun(
                ranks: ranks, "RankProgram", arguments: ["trainTrace", name, recipe, folder + "/run"]
            ).wait(timeout: 240)
            try #require(trained.status == 0, "\(trained.errors)")
            let epochs = try metrics(ofRun: folder + "/run").filter { $0["event"] as? String == "epoch" }
            for (index, step) in trace.steps.enumerated() {
                let checkpoint = try Checkpoint.load("\(folder)/run/checkpoints/step-0000000\(index + 1).h5")
                let remembered =
                    try step.velocities.map { [("velocity", "optimizer/", "", $0)] } ?? [
                        ("first moment", "optimizer/", "/first_moment", try #require(step.firstMoments)),
                        ("second moment", "optimizer/", "/second_moment", try #require(step.secondMoments)),
                    ]
                for (group, path, end, expected) in remembered + [
                    ("parameter", "model/", "", try #require(step.parameters)),
                    ("moment", "model/", "", try #require(step.moments)),
                ] {
                    for (name, record) in expected {
                        let tensor = try checkpoint.requireTensor(path + name + end, shape: record.shape)
                        let worst = trace.deviation(tensor, from: record, name, tolerance: tolerance)
                        #expect(worst <= 1, "step \(index + 1), \(group) of \(name): \(worst) times the tolerance")
                    }
                }
                let loss = try #require(epochs[index]["loss"] as? Double)
                #expect(abs(loss - step.loss) <= tolerance * step.loss, "step \(index + 1): \(loss)")
                let error = try #require(epochs[index]["error"] as? Double)
                #expect(abs(error - Double(step.errors) / Double(trace.batch)) < 1e-5)
            }
        }
    }

    private func text(_ trace: StepTrace, _ folder: String) throws -> String {
        let layers =
            trace.depth == nil
            ? "null" : String(decoding: try JSONEncoder().encode(trace.plainNetwork.layers), as: UTF8.self)
        let alpha = trace.alpha.map { "loss: {alpha: \($0), p: 2}" } ?? ""
        var rule = "momentum: \(trace.momentum)"
        if let optimizer = trace.optimizer {
            let values = [("beta1", optimizer.beta1), ("beta2", optimizer.beta2), ("epsilon", optimizer.epsilon)]
            let stated = values.compactMap { name, value in value.map { ", \(name): \($0)" } }.joined()
            rule = "optimizer: {kind: \(optimizer.kind)\(stated)}" + (stated.isEmpty ? "\n\(rule)" : "")
        }
        return """
            dataset: mnist
            data_directory: \(folder)
            network:
              architecture: \(trace.depth == nil ? trace.dataset : "custom")
              activation: \(trace.activation)
              layers: \(layers)
            input_scale: 1
            \(alpha)
            epochs: 2
            batch: \(trace.batch)
            lanes: 3
            learning_rate: \(trace.learningRate)
            schedule: constant
            \(rule)
            weight_decay: \(trace.parameters[0].weightDecay)
            layer_rates: {all: 1}
            mean_image: training
            mirroring: off
            random_training: false
            mean_training: false
            adversarial_training: false
            checkpoint: {every_steps: 1, keep: 10}
            """
    }

    /// The images of a trace as MNIST's files, to train and to test on.
    private func writeImages(_ trace: StepTrace, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let shape = trace.images.shape
        func header(_ extents: [Int]) -> Data {
            Data([0, 0, 8, UInt8(extents.count)] + extents.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] })
        }
        let pixels = trace.images(step: 1).map { UInt8($0) }
        let images = header([shape[0], shape[2], shape[3]]) + pixels
        let labels = header([shape[0]]) + trace.steps[0].labels.map { UInt8($0) }
        for name in ["train", "t10k"] {
            try images.write(to: URL(fileURLWithPath: "\(folder)/\(name)-images-idx3-ubyte"))
            try labels.write(to: URL(fileURLWithPath: "\(folder)/\(name)-labels-idx1-ubyte"))
        }
    }
}
