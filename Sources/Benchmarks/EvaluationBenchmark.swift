import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks
import Robustness
import Training

/// Times the evaluator's work on a shipped recipe's network: forward passes of test images, steps of projected gradient
/// ascent (a forward and a backward pass each), and the paper's attack, whose direction for an image takes a forward
/// pass and a backward pass for each other class.
public struct EvaluationBenchmark {
    private let subject: BenchmarkSubject
    private let seconds: Double

    /// Prepares to time passes, steps and attack for about `seconds` in all, a third of them for each.
    public init(_ subject: BenchmarkSubject, seconds: Double) {
        self.subject = subject
        self.seconds = seconds
    }

    /// Runs it; each rank times the same work on its own, all at the same time. Collective.
    ///
    /// - Throws: `Failure` 66 where there is no data set, 65 where it is damaged, 64 where a batch is more than its
    ///   test images;
    ///   all ranks throw together.
    public func run(_ communicator: Communicator) throws -> BenchmarkReport {
        let group = TargetModel.groupSize
        let capacity = max(group, subject.batch)
        let (model, images) = try communicator.agree { () -> (Model, ImageSet) in
            let plan = try subject.plan()
            let dataset = try Dataset.locate(subject.recipe.dataset, directory: subject.recipe.dataDirectory)
            let images = try dataset.read(.test) { $0 < capacity }
            guard images.count == capacity else {
                throw Failure(.usage, "--batch \(capacity) is more than the \(images.count) test images")
            }
            return (Model(plan), images)
        }
        model.drawWeights(seed: subject.recipe.seed)
        let size = model.plan.network.input.count
        let propagation = Propagation(
            model, lanes: 1, laneCapacity: capacity, backward: false, independentImages: true, keepsOutputs: false)
        let mean = [Float](repeating: 127.5, count: size)
        mean.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for i in 0..<capacity { images.fill(i, minus: mean, into: propagation.input.pointer + i * size) }
        }
        propagation.begin(images: subject.batch)

        let target = TargetModel(model, meanImage: mean, seed: subject.recipe.seed)
        let attack = try AttackCatalogue.attack(try AttackSpecification("fgs-lmax"), AttackContext(target)).parts[0]
            .attack
        let labels = Buffer<Int32>(images.labels[0..<group].map(Int32.init))
        let perturbed = Buffer<Float>(group * size)
        let samples = SampleGroup(
            count: group, indices: images.indices[0..<group], labels: labels.pointer, pixels: propagation.input.pointer)
        let rows = Array(0..<group)
        let gradient = Buffer<Float>(group * size)
        perturbed.pointer.update(from: samples.pixels, count: group * size)

        let peak = try PeakRate.mean(communicator)
        let inference = try rates(images: subject.batch, communicator) {
            try propagation.forward(.running, reducer: nil)
        }
        let steps = try rates(images: group, communicator) {
            let (network, outputs) = (model.plan.network, model.plan.outputs)
            try target.gradients(rows, of: perturbed.pointer, into: gradient.pointer) { row, z, zGradient in
                _ = network.loss.value(
                    z, label: Int(labels.pointer[row]), outputs: outputs, gradient: zGradient, scale: 1)
            }
            for row in rows {
                target.box.ascend(
                    perturbed.pointer + row * size, along: gradient.pointer + row * size, length: 1,
                    about: samples.pixels + row * size, radius: 8)
            }
        }
        let directions = try rates(images: group, communicator) {
            // The directions are found once for all strengths.
            try attack.begin(samples)
            try attack.perturb(rows, strength: 0.1, into: perturbed.pointer)
        }

        let ranks = communicator.worldSize
        var report = BenchmarkReport()
        report.json.add("benchmark", "evaluate")
        subject.describe(in: &report.json)
        let share = report.addRates(inference, operations: 2 * model.plan.multiplyAdds, peak: peak, ranks: ranks)
        report.json.addRates("pgd_steps_per_second", steps)
        report.json.addRates("directions_per_second", directions)
        report.lines = [
            "evaluation \(subject.name), batch \(subject.batch), \(counted(ranks, "rank")), \(BLAS.kernel)",
            "images/s: median \(fixed(median(inference), 0)), best \(fixed(inference.max() ?? 0, 0)); "
                + "peak of a core \(fixed(peak, 1)) GFLOP/s, share \(fixed(share, 3))",
            "PGD steps/s: median \(fixed(median(steps), 0)), best \(fixed(steps.max() ?? 0, 0))",
            "fgs-lmax directions/s: median \(fixed(median(directions), 0)), best \(fixed(directions.max() ?? 0, 0))",
        ]
        return report
    }

    /// Images a second over all ranks, call by call, for a third of the time. Collective.
    private func rates(images: Int, _ communicator: Communicator, _ body: () throws -> Void) throws -> [Double] {
        let rates = try communicator.agree { () -> [Double] in
            try body()
            return try timeCalls(seconds: seconds / 3, body).map { Double(images) / $0 }
        }
        let count = try communicator.allReduce(Int64(rates.count), .min)
        var sums = Array(rates.prefix(Int(count)))
        try sums.withUnsafeMutableBufferPointer { try communicator.allReduce($0, .sum) }
        return sums
    }
}

/// The seconds of each call of the body, called for about so many seconds, three times at least.
func timeCalls(seconds budget: Double, _ body: () throws -> Void) rethrows -> [Double] {
    var times: [Double] = []
    let start = ContinuousClock.now
    while times.count < 3 || seconds(since: start) < budget {
        let before = ContinuousClock.now
        try body()
        times.append(seconds(since: before))
    }
    return times
}
