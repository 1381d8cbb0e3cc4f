import Benchmarks
import Foundation
import Kernels
import Networks
import Recipes
import TestSupport
import Testing
import Training

@Suite("The benchmarks time what they say, and say it in the contract's words", .underMPIRun, .serialized)
struct BenchmarkTests {
    @Test("train: the trainer's step, on 1 and 2 ranks", arguments: [1, 2])
    func train(ranks: Int) throws {
        let found = try run(["train", "--dataset", "glyphs", "--batch", "50", "--seconds", "0.6"], ranks: ranks)
        let rates = try #require(found["images_per_second"] as? [String: Double])
        let (middle, best) = (try #require(rates["median"]), try #require(rates["best"]))
        #expect(0 < middle && middle <= best)
        #expect(found["ranks"] as? Int == ranks)
        #expect(found["flops_per_image"] as? Int == 13_188_000)
        let peak = try #require(found["peak_gflops"] as? Double)
        // More than any core's peak, or less than one multiply-add a cycle, would be an error of the measurement.
        #expect((1...1000).contains(peak))
        let share = try #require(found["share_of_peak"] as? Double)
        #expect(abs(share - middle * 13_188_000e-9 / (peak * Double(ranks))) < 1e-9)
        // The layers' times add up to the step: nothing is counted twice.
        let layers = try #require(found["layers"] as? [[String: Any]])
        let rest = try #require(layers.last?["microseconds_per_image"] as? Double)
        let sum = layers.compactMap { $0["microseconds_per_image"] as? Double }.reduce(0, +)
        #expect(0 <= rest && rest < 0.5 * sum, "rest \(rest) of \(sum)")
        for name in ["conv1", "conv2", "fc1", "fc2"] {
            for activity in ["forward", "weight gradient"] {
                #expect(layers.contains { $0["layer"] as? String == name && $0["activity"] as? String == activity })
            }
        }
        #expect(layers.contains { $0["activity"] as? String == "communication" })
    }

    @Test("the times of steps stay as they are while others are timed")
    func timesOfSteps() throws {
        let trainer = try Trainer(
            try Recipe.load("glyphs-plain"), communicator: .alone, run: nil, resume: false, showProgress: false)
        let times = try trainer.timeSteps(seconds: 0.05, detailed: true)
        let forward = times.timeline.seconds(.forward)
        #expect(0 < forward && forward < times.seconds)
        _ = try trainer.timeSteps(seconds: 0.2, detailed: false)
        #expect(times.timeline.seconds(.forward) == forward)
    }

    @Test("evaluate: forward passes and the paper's attack", arguments: [1, 2])
    func evaluate(ranks: Int) throws {
        let found = try run(
            ["evaluate", "--dataset", "glyphs", "--activation", "plain", "--seconds", "0.6"], ranks: ranks)
        for key in ["images_per_second", "directions_per_second"] {
            let rates = try #require(found[key] as? [String: Double])
            #expect(try #require(rates["median"]) > 0, "\(key)")
        }
        #expect(found["flops_per_image"] as? Int == 2 * 2_293_000)
    }

    @Test("kernels: each layer's three products")
    func kernels() throws {
        let found = try run(["kernels", "--dataset", "glyphs", "--seconds", "0.5"], ranks: 1)
        let kernels = try #require(found["kernels"] as? [[String: Any]])
        #expect(kernels.count == 12)
        #expect(
            kernels.allSatisfy { ($0["gflops"] as? Double ?? 0) > 0 && ($0["openblas_gflops"] as? Double ?? 0) > 0 })
    }

    @Test("collectives: MPI's sum and the exact one", arguments: [2, 3])
    func collectives(ranks: Int) throws {
        let found = try run(["collectives", "--seconds", "0.5"], ranks: ranks)
        #expect(found["ranks"] as? Int == ranks)
        #expect(try #require(found["latency_seconds"] as? Double) >= 0)
        let sizes = try #require(found["sizes"] as? [[String: Any]])
        #expect(sizes.count == 9 && sizes.allSatisfy { ($0["allreduce_seconds"] as? Double ?? 0) > 0 })
    }

    @Test(
        "bad input: one sentence and the right code",
        arguments: [
            (["train", "--dataset", "mnits"], 66, "mnist-mrelu-r-m"), (["train", "--batch", "0"], 64, "batch"),
            (["train", "--activation", "rleu"], 66, "mnist-"), (["train", "--seconds", "0"], 64, "--seconds"),
            (["train", "--set", "reduction=exat"], 64, "exact, fast"),
            (["collectives", "--lanes", "1"], 64, "--lanes"), (["collectives", "--seconds", "inf"], 64, "--seconds"),
            (["train", "--set", "batch=20"], 64, "--batch"),
            (["kernels", "--dataset", "glyphs", "--batch", "16777216", "--set", "lanes=1"], 69, "--batch"),
            (["train", "--recipe", "glyphs-plain", "--dataset", "mnist"], 64, "--recipe"),
            (["train", "--latency", "1", "--bandwidth", "1"], 64, "--project"),
            (["train", "--project", "2", "--latency", "1e300", "--bandwidth", "1"], 64, "1e9"),
        ] as [([String], Int32, String)])
    func refusals(arguments: [String], status: Int32, word: String) throws {
        let result = try spawnMpirun(ranks: 2, "steadfast", arguments: ["benchmark"] + arguments).wait(timeout: 60)
        #expect(result.status == status, "\(result.errors)")
        #expect(result.errors.contains(word), "\(result.errors)")
    }

    private func run(_ arguments: [String], ranks: Int) throws -> [String: Any] {
        try withTemporaryDirectory { folder in
            let file = folder + "/figures.json"
            let result = try spawnMpirun(
                ranks: ranks, "steadfast", arguments: ["benchmark"] + arguments + ["--json", file]
            ).wait(timeout: 120)
            #expect(result.status == 0, "\(result.errors)")
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
    }

    @Test("latency and bandwidth are found again in times that were made from them")
    func networkModel() {
        let points = [4.0, 1e3, 1e5, 1e6].map { (bytes: $0, seconds: 3e-6 + $0 / 2e9) }
        let model = NetworkModel(fitting: points)
        #expect(abs(model.latency - 3e-6) < 1e-9 && abs(model.bandwidth / 2e9 - 1) < 1e-6)
    }

    @Test("a prediction: alone the measured time, free messages scale, dear ones do not")
    func projection() throws {
        let network = try Recipe.load("mnist-mrelu-r-m").network(
            input: ImageShape(height: 28, width: 28, channels: 1), classes: 10)
        let plan = try NetworkPlan(network)
        func projection(_ model: NetworkModel) -> Projection {
            Projection(
                plan: plan, batch: 128, lanes: 8, secondsPerImage: 1.5e-4, secondsPerStep: 1e-3,
                productSecondsPerImage: 5e-5, network: model)
        }
        let free = projection(NetworkModel(latency: 0, bandwidth: .infinity))
        #expect(abs(free.seconds(ranks: 1, batch: 128) - 0.0266) < 1e-9)
        // A small batch's products of factors are each rank's, a large one's are shared.
        #expect(abs(free.seconds(ranks: 4, batch: 128) - (1e-3 + 32 * 1.5e-4 + 128 * 5e-5)) < 1e-9)
        #expect(abs(free.seconds(ranks: 4, batch: 1280) - (1e-3 + 320 * 2e-4)) < 1e-9)
        #expect(free.seconds(ranks: 64, batch: 64 * 128) == free.seconds(ranks: 1, batch: 128))
        // The loss; for conv1, conv2 and fc1 the moments forward and back, for fc2 its bias; conv1's weights whole,
        // conv2's with fc2's in slices, fc1's by its factors. Where a large batch's factors are more numbers, fc1's go
        // with fc2's in slices.
        let slow = projection(NetworkModel(latency: 1e-3, bandwidth: .infinity))
        for (batch, factors) in [(128, 2), (1280, 3), (4000, 2)] {
            let count = 1 + (2 + 2 + 2 + 1) + 1 + 2 + factors
            #expect(StepTraffic(plan, batch: batch, lanes: 8, ranks: 2).messages.count == count)
            let difference = slow.seconds(ranks: 2, batch: batch) - free.seconds(ranks: 2, batch: batch)
            #expect(abs(difference - Double(count) * 1e-3) < 1e-9)
        }
    }

    @Test("the median of an odd, an even number, and of none")
    func medians() {
        #expect(median([3, 1, 2]) == 2 && median([4, 1, 3, 2]) == 2.5 && median([]) == 0)
    }
}
