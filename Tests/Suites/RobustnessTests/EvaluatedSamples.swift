import Datasets
import Kernels
import MessagePassing
import Networks
import Robustness
import TestSupport

/// A small network in this process with random images that it classifies itself, so that its clean error is 0 or as
/// asked for.
struct EvaluatedSamples {
    let target: TargetModel
    let samples: ImageSet

    /// - Parameters:
    ///   - adjust: changes the parameters, which are random and of ordinary size for inputs of hundreds.
    ///   - mistakes: the first so many samples get another label.
    init(
        _ network: Network, count: Int = 40, seed: UInt64 = 1, mistakes: Int = 0, adjust: (Model) -> Void = { _ in }
    ) throws {
        let model = Model(try NetworkPlan(network))
        model.randomize(2)
        model.scale("conv1/weight", by: 1 / 60)
        adjust(model)
        let size = network.input.count
        let target = TargetModel(model, meanImage: [Float](repeating: 127.5, count: size), seed: seed)
        var random = Philox(seed: 4, purpose: .test)
        let pixels = (0..<count * size).map { _ in UInt8(255 * random.uniform()) }
        let values = Buffer(pixels.map { Float($0) - 127.5 } + [Float](repeating: 0, count: count == 0 ? size : 0))
        let z = try target.outputs(Array(0..<max(1, count)), of: values.pointer)
        let labels = (0..<count).map { sample in
            let winner = network.loss.winner(z + sample * target.plan.outputs, outputs: network.classes)
            return UInt8(sample < mistakes ? (winner + 1) % network.classes : winner)
        }
        self.target = target
        samples = ImageSet(
            shape: network.input, indices: (0..<Int32(count)).map { 3 * $0 }, labels: labels, pixels: pixels,
            contentDigest: "none")
    }

    func evaluate(_ attacks: String, _ strengths: [Double], chunk: Int? = nil) throws -> EvaluationResults {
        let classes = target.plan.network.classes
        let evaluator = try Evaluator(
            AttackContext(target), try AttackSpecification.list(attacks), strengths: strengths, samples: samples,
            classes: classes, chunk: chunk, communicator: .alone)
        let subject = EvaluationSubject(
            checkpoint: "a network, small", checkpointDigest: "", checkpointStep: 0, dataset: "random", split: "test",
            seed: target.seed, samples: samples, classes: classes)
        nonisolated(unsafe) var results = EvaluationResults(subject, evaluator.plan)
        try evaluator.run(done: []) { results.insert($0) }
        return results
    }
}

extension Model {
    /// Multiplies a parameter.
    func scale(_ name: String, by factor: Float) {
        guard let entry = layout.entries.first(where: { $0.name == name }) else { preconditionFailure("no \(name)") }
        for i in 0..<entry.count { parameters.pointer[entry.offset + i] *= factor }
    }
}
