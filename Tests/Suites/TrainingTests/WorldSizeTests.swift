import Foundation
import TestSupport
import Testing

@Suite("Invariant 1: the weights do not depend on the number of ranks", .underMPIRun, .serialized)
struct WorldSizeTests {
    /// Trains at each number of ranks; all digests have to be equal.
    private func expectEqual(
        _ recipe: [String], ranks: [Int], images: Int, environment: [String: String] = [:], timeout: Double = 120
    ) throws {
        try withTemporaryDirectory { folder in
            var digests: Set<String> = []
            for count in ranks {
                let run = "\(folder)/\(count)"
                let result = try train(recipe, ranks: count, run: run, environment: environment, timeout: timeout)
                #expect(result.status == 0, "\(result.errors)")
                digests.insert(try digest(ofRun: run))
                let epochs = try metrics(ofRun: run).filter { $0["event"] as? String == "epoch" }
                // Nobody computes another's lanes: the ranks' images add up to the batches', and each has some.
                let computed = epochs.compactMap { $0["rank_images"] as? [Int] }
                #expect(computed.flatMap { $0 }.reduce(0, +) == images)
                #expect(computed.allSatisfy { $0.count == count && $0.allSatisfy { $0 > 0 } })
            }
            #expect(digests.count == 1, "\(ranks) ranks")
        }
    }

    @Test("8 lanes on 1, 2, 3, 4 and 8 ranks, with random and mean training")
    func eightLanes() throws {
        try expectEqual(smallRecipe, ranks: [1, 2, 3, 4, 8], images: 12 * 24)
    }

    @Test("with gradients under way while the backward pass goes on, in several passes too")
    func overlap() throws {
        for extra in [["accumulation=2"], ["adversarial_training={method: trades, steps: 1}"]] {
            let recipe = smallRecipe + ["--set", "max_steps=4"] + extra.flatMap { ["--set", $0] }
            try expectEqual(recipe + ["--set", "overlap=on"], ranks: [1, 2, 3, 4], images: 4 * 24)
        }
        try withTemporaryDirectory { folder in
            for overlap in ["on", "off"] {
                let recipe = smallRecipe + ["--set", "overlap=\(overlap)"]
                #expect(try train(recipe, ranks: 3, run: "\(folder)/\(overlap)").status == 0)
            }
            let (on, off) = (try digest(ofRun: folder + "/on"), try digest(ofRun: folder + "/off"))
            #expect(on == off)
        }
    }

    @Test(
        "with gradients in messages, as between hosts, where ranks of one host share memory", arguments: ["on", "off"])
    func messages(overlap: String) throws {
        let off = ["STEADFAST_SHARED_MEMORY": "off"]
        for extra in [["accumulation=2"], ["adversarial_training={method: trades, steps: 1}"]] {
            let recipe = smallRecipe + ["--set", "max_steps=3", "--set", "overlap=\(overlap)"]
            try expectEqual(
                recipe + extra.flatMap { ["--set", $0] }, ranks: [1, 2, 3, 4], images: 3 * 24, environment: off)
        }
    }

    @Test("with sums in messages the bits are those of sums in shared memory")
    func sharedOrSent() throws {
        let off = ["STEADFAST_SHARED_MEMORY": "off"]
        try withTemporaryDirectory { folder in
            let shared = try train(ranks: 3, run: folder + "/shared")
            let sent = try train(ranks: 3, run: folder + "/sent", environment: off)
            #expect(shared.status == 0 && sent.status == 0)
            let digests = (try digest(ofRun: folder + "/shared"), try digest(ofRun: folder + "/sent"))
            #expect(digests.0 == digests.1)
        }
    }

    @Test("host by host, however ranks and hosts are placed: with gradients under way or not, and audits")
    func hosts() throws {
        try withTemporaryDirectory { folder in
            func bits(_ ranks: Int, _ environment: [String: String], _ extra: [String]) throws -> String {
                let run = "\(folder)/\(UUID().uuidString)"
                let recipe = smallRecipe + ["--set", "max_steps=4"] + extra.flatMap { ["--set", $0] }
                let result = try train(recipe, ranks: ranks, run: run, environment: environment)
                #expect(result.status == 0, "\(environment) \(extra): \(result.errors)")
                let way =
                    environment.isEmpty || environment["STEADFAST_SHARED_MEMORY"] != nil
                    ? "" : "sums in memory that the ranks of a host share, and by messages"
                #expect(way.isEmpty || result.output.contains(way), "\(result.output)")
                return try digest(ofRun: run)
            }
            let alone = try bits(1, [:], [])
            for (hosts, extra) in [
                ("0,0,1,1", ["overlap=on"]), ("0,0,1,1", ["overlap=off"]), ("0,0,0,1", ["overlap=on"]),
                ("0,1,0,1", ["overlap=off"]), ("0,0,1,1,2", ["overlap=on", "audit=0.5"]),
                ("0,0,1,1,2,2,3,3", ["overlap=on"]),
            ] {
                let ranks = hosts.split(separator: ",").count
                #expect(try bits(ranks, ["STEADFAST_TEST_HOSTS": hosts], extra) == alone, "\(hosts) \(extra)")
            }
            let off = ["STEADFAST_TEST_HOSTS": "0,0,1", "STEADFAST_SHARED_MEMORY": "off"]
            #expect(try bits(3, off, []) == alone)
            // In several passes, whose gradients are added.
            let passes = ["accumulation=2", "overlap=on"]
            let hosts = ["STEADFAST_TEST_HOSTS": "0,0,1"]
            #expect(try bits(3, hosts, passes) == bits(1, [:], passes))
            // Of many small layers, whose gradients travel together.
            let residual = ["network.architecture=resnet", "network.depth=8", "network.width=6", "accumulation=2"]
            let single = try bits(1, [:], residual)
            for extra in [["overlap=on"], ["overlap=off", "audit=0.5"]] {
                #expect(try bits(3, hosts, residual + extra) == single, "\(extra)")
            }
        }
    }

    @Test("6 lanes on 1 and 5 ranks, 5 lanes on 4")
    func oddLanes() throws {
        try expectEqual(smallRecipe + ["--set", "lanes=6"], ranks: [1, 5], images: 12 * 24)
        try expectEqual(smallRecipe + ["--set", "lanes=5"], ranks: [1, 4], images: 12 * 24)
    }

    @Test("over the end of an epoch, whose last batch is short, with accumulation, clipping and a validation split")
    func shortBatch() throws {
        // 12,000 - 11,500 + 7 + 7 = 514 samples: 10 full batches of 48 and one of 34.
        let recipe = [
            "glyphs-mrelu-r-m", "--set", "batch=48", "--set", "accumulation=2", "--set", "validation=11500", "--set",
            "mean_training.samples=7", "--set", "mean_training.noise_samples=7", "--set", "max_steps=13", "--set",
            "gradient_clipping=0.5",
        ]
        try expectEqual(recipe, ranks: [1, 3], images: 514 + 2 * 48)
    }

    @Test("with mixed images, smoothed labels, squares and black borders, audited too")
    func augmented() throws {
        let settings = [
            "batch=16", "max_steps=4", "mirroring=image", "shift=2", "shift_fill=zero", "cutout=5", "cutmix=0.5",
            "label_smoothing=0.1",
        ]
        let recipe = ["glyphs-plain"] + settings.flatMap { ["--set", $0] }
        try expectEqual(recipe, ranks: [1, 2, 3], images: 4 * 16)
        try expectEqual(recipe + ["--set", "audit=1"], ranks: [2], images: 4 * 16)
    }

    @Test("with adversarial training, without batch norm")
    func adversarial() throws {
        let recipe = [
            "glyphs-plain", "--set", "batch=16", "--set", "max_steps=4", "--set", "variant=paper", "--set",
            "adversarial_training=true",
        ]
        try expectEqual(recipe, ranks: [1, 2, 3], images: 4 * 16)
    }

    @Test(
        "with attacks of several steps, on the batch's moments too, and validation under attack",
        arguments: [
            "{method: fgsm}", "{method: fgs, spread: 1, share: 0.3, nonsense_strength: 0.2, nonsense_share: 1}",
            "{method: pgd, steps: 3, share: 0.5, batch_norm: batch}",
            "{method: trades, steps: 2, batch_norm: batch}", "{method: free, steps: 3}",
        ])
    func iterated(attack: String) throws {
        let recipe = [
            "glyphs-mrelu-r-m", "--set", "batch=16", "--set", "max_steps=3", "--set",
            "adversarial_training=\(attack)",
        ]
        try expectEqual(recipe, ranks: [1, 2, 3], images: 3 * 16)
    }

    @Test("with validation under attack and early stopping, in the middle of which a run is resumed")
    func validation() throws {
        try withTemporaryDirectory { folder in
            // 12,000 - 11,900 = 100 samples: 2 steps an epoch; the error falls no further for long.
            let recipe = [
                "glyphs-plain", "--set", "batch=50", "--set", "validation=11900", "--set", "epochs=40", "--set",
                "validation_attack={attack: fgsm, strength: 0.1}", "--set", "early_stopping=2", "--set",
                "learning_rate=1e-9",
            ]
            var digests: Set<String> = []
            for ranks in [1, 3] {
                let run = "\(folder)/\(ranks)"
                let part = try train(recipe + ["--set", "max_steps=3"], ranks: ranks, run: run)
                #expect(part.status == 0, "\(part.errors)")
                let rest = try train(recipe, ranks: 4 - ranks, run: run, "--resume")
                #expect(rest.status == 0, "\(rest.errors)")
                digests.insert(try digest(ofRun: run))
                let epochs = try metrics(ofRun: run).filter { $0["validation_attacked_error"] != nil }
                // Two before the pause, one more at it.
                #expect(epochs.count == 4)
                let again = try train(recipe, ranks: 1, run: run, "--resume")
                #expect(again.status == 0, "\(again.errors)")
                #expect(try metrics(ofRun: run).filter { $0["event"] as? String == "step" }.count == 6)
            }
            #expect(digests.count == 1)
        }
    }

    @Test("the fast reduction differs, so the comparison can fail")
    func fastDiffers() throws {
        try withTemporaryDirectory { folder in
            let fast = smallRecipe + ["--set", "reduction=fast"]
            let (one, three) = (
                try train(fast, ranks: 1, run: folder + "/1"), try train(fast, ranks: 3, run: folder + "/3")
            )
            #expect(one.status == 0 && three.status == 0)
            #expect(try digest(ofRun: folder + "/1") != digest(ofRun: folder + "/3"))
        }
    }

    @Test(
        "many ranks: 64 and 128 lanes on as many ranks", .enabled(if: runsAll),
        .enabled(if: realData("mnist") != nil, "no MNIST in $STEADFAST_DATA or ../shared/data"), arguments: [64, 128])
    func manyRanks(lanes: Int) throws {
        let data = try #require(realData("mnist"))
        try expectEqual(
            ["mnist-mrelu-r-m-1600", "--set", "max_steps=6", "--set", "lanes=\(lanes)", "--data-directory", data],
            ranks: [1, lanes], images: 6 * 1600, timeout: 300)
    }

    @Test(
        "60 steps of MNIST on 1, 2, 3, 4 and 8 ranks", .enabled(if: runsAll),
        .enabled(if: realData("mnist") != nil, "no MNIST in $STEADFAST_DATA or ../shared/data"))
    func realDigits() throws {
        let data = try #require(realData("mnist"))
        try expectEqual(
            ["mnist-mrelu-r-m", "--set", "max_steps=60", "--data-directory", data], ranks: [1, 2, 3, 4, 8],
            images: 6000, timeout: 300)
        try expectEqual(
            ["mnist-rbf-r-m", "--set", "max_steps=60", "--set", "lanes=6", "--data-directory", data], ranks: [1, 5],
            images: 6000, timeout: 300)
    }

    @Test(
        "20 steps of CIFAR-10 on 1, 2, 3, 4 and 8 ranks", .enabled(if: runsAll),
        .enabled(if: realData("cifar10") != nil, "no CIFAR-10 in $STEADFAST_DATA or ../shared/data"))
    func realPhotographs() throws {
        let data = try #require(realData("cifar10"))
        try expectEqual(
            ["cifar10-mrelu-r-m", "--set", "max_steps=20", "--data-directory", data], ranks: [1, 2, 3, 4, 8],
            images: 1000, timeout: 300)
    }
}
