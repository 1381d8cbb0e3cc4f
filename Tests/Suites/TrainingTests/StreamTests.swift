import Datasets
import Lanes
import Foundation
import TestSupport
import Testing

@Suite("Images that pass through memory in windows", .underMPIRun, .serialized)
struct StreamTests {
    /// 800 of 12,000 glyphs in 9 chunks of 1,337, with 80 mean and 80 noise samples: 20 steps an epoch.
    private static let settings = [
        "batch=48", "validation=11200", "mean_training.samples=80", "mean_training.noise_samples=80", "shift=1",
        "mirroring=image", "precise_moments=9", "epochs=2", "max_steps=27",
    ]

    private func recipe(_ set: String, _ more: [String] = []) -> [String] {
        ["glyphs-mrelu-r-m"] + (Self.settings + ["dataset=\(set)"] + more).flatMap { ["--set", $0] }
    }

    private func withSet(_ body: (_ folder: String, _ set: String) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            let set = folder + "/glyphs.h5"
            _ = try Conversion(try Dataset.locate("glyphs"), to: set).run { _, _ in }
            try body(folder, set)
        }
    }

    @Test("give equal bits on 1, 2, 3 and 4 ranks, as in memory, resumed in the middle of an epoch too")
    func bits() throws {
        try withSet { folder, set in
            let windows = ["stream_window=200", "validation_split=stratified"]
            var digests: Set<String> = []
            for (ranks, sharing) in [(2, "node"), (1, "stream"), (2, "stream"), (3, "stream"), (4, "stream")] {
                let run = "\(folder)/\(sharing)\(ranks)"
                let result = try train(recipe(set, windows + ["data_sharing=\(sharing)"]), ranks: ranks, run: run)
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output.contains("MB of each host's memory") == (sharing == "stream"), "\(result.output)")
                digests.insert(try digest(ofRun: run))
            }
            // Each host has a reader and a ring of its own.
            let hosts = try train(
                recipe(set, windows + ["data_sharing=stream"]), ranks: 3, run: folder + "/hosts",
                environment: ["STEADFAST_TEST_HOSTS": "0,1,0"])
            #expect(hosts.status == 0, "\(hosts.errors)")
            digests.insert(try digest(ofRun: folder + "/hosts"))
            for (steps, ranks, sharing) in [(7, 2, "stream"), (19, 3, "node"), (27, 4, "stream")] {
                let part = try train(
                    recipe(set, windows + ["data_sharing=\(sharing)", "max_steps=\(steps)"]), ranks: ranks,
                    run: folder + "/parts", steps > 7 ? "--resume" : "--quiet")
                #expect(part.status == 0, "\(part.errors)")
            }
            digests.insert(try digest(ofRun: folder + "/parts"))
            #expect(digests.count == 1)
            // The window is part of what is trained, and the rule of the validation split.
            for (number, more) in [
                ["stream_window=300", "validation_split=stratified"], ["stream_window=200"],
            ].enumerated() {
                let run = "\(folder)/other\(number)"
                let other = try train(recipe(set, more + ["data_sharing=node"]), ranks: 2, run: run)
                #expect(other.status == 0)
                #expect(try !digests.contains(digest(ofRun: run)))
            }
        }
    }

    @Test("give today's bits where one window holds all, and where the set was not converted")
    func oneWindow() throws {
        try withSet { folder, set in
            var digests: Set<String> = []
            let runs = [
                ("glyphs", ["data_sharing=lanes"]), (set, ["data_sharing=stream"]),
                (set, ["data_sharing=stream", "stream_window=800"]), (set, ["data_sharing=lanes"]),
            ]
            for (number, (name, more)) in runs.enumerated() {
                let run = "\(folder)/\(number)"
                let result = try train(recipe(name, more + ["max_steps=23"]), ranks: 2, run: run)
                #expect(result.status == 0, "\(result.errors)")
                // A stream that holds all images saves no memory, and says so.
                let words = "warning: one window holds all images: "
                #expect(result.errors.contains(words) == more.contains("data_sharing=stream"), "\(result.errors)")
                digests.insert(try digest(ofRun: run))
            }
            #expect(digests.count == 1)
        }
    }

    @Test("end a run, saved, at a chunk that is damaged; with the file mended it goes on to the same bits")
    func damaged() throws {
        try withSet { folder, set in
            let all = recipe(set, ["stream_window=200", "data_sharing=stream", "validation=0", "max_steps=120"])
            let whole = try train(all, ranks: 2, run: folder + "/whole")
            #expect(whole.status == 0, "\(whole.errors)")
            // With 12,000 images a window is one chunk of 1,337: 28 steps. That of epoch 0's fourth window is damaged.
            let windows = try #require(try Self.windows(set))
            let chunk = Int(windows.epoch(0).chunks[3])
            let good = try Data(contentsOf: URL(fileURLWithPath: set))
            let image = try #require(good.range(of: Data(try Self.image(set, chunk))))
            var bad = good
            bad[image.lowerBound + 3] ^= 1
            try bad.write(to: URL(fileURLWithPath: set))
            let part = try train(all, ranks: 2, run: folder + "/part")
            #expect(part.status == 65, "\(part.errors)")
            #expect(part.errors.contains("chunk \(chunk) of the training images"), "\(part.errors)")
            let steps = try metrics(ofRun: folder + "/part").compactMap { $0["event"] as? String == "step" ? 1 : nil }
                .count
            #expect(steps > 80 && steps < 90)
            try good.write(to: URL(fileURLWithPath: set))
            let rest = try train(all, ranks: 3, run: folder + "/part", "--resume")
            #expect(rest.status == 0, "\(rest.errors)")
            let resumed = try metrics(ofRun: folder + "/part").first { $0["event"] as? String == "resume" }
            #expect(resumed?["step"] as? Int == steps)
            let digests = (try digest(ofRun: folder + "/part"), try digest(ofRun: folder + "/whole"))
            #expect(digests.0 == digests.1)
        }
    }

    private static func windows(_ set: String) throws -> WindowPlan? {
        let file = try #require(try Dataset.locate(set).dataFile)
        let counts = (0..<file.train.chunks).map { file.train.images(ofChunk: $0).count }
        return WindowPlan(counts: counts, drawn: 160, size: 200, seed: 1)
    }

    /// The pixels of a chunk's first images.
    private static func image(_ set: String, _ chunk: Int) throws -> [UInt8] {
        let dataset = try Dataset.locate(set)
        let file = try #require(dataset.dataFile)
        let images = file.train.images(ofChunk: chunk)
        return try dataset.read(.train) { images.prefix(4).contains($0) }.pixels
    }

    @Test("of a set that lies class by class are warned of, and not of one that was shuffled")
    func classes() throws {
        try withTemporaryDirectory { folder in
            let (images, rows) = (6_000, 1_337)
            let labels = (0..<images).map { UInt8($0 * 10 / images) }
            let pixels = labels.flatMap { label in (0..<784).map { UInt8(truncatingIfNeeded: $0 &* 7 &* Int(label)) } }
            for (name, shape, bytes) in [("images", "\(images), 28, 28", pixels), ("labels", "\(images),", labels)] {
                let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(shape)), }\n"
                let head: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
                try Data(head + bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name).npy"))
            }
            let source = try Dataset.locate(folder)
            for (name, seed, isWarned) in [("sorted", nil, true), ("mixed", 1, false)] as [(String, UInt64?, Bool)] {
                let set = "\(folder)/\(name).h5"
                _ = try Conversion(source, to: set, shuffle: seed).run { _, _ in }
                let result = try train(
                    ["glyphs-plain"]
                        + ["dataset=\(set)", "stream_window=\(rows)", "data_sharing=stream", "max_steps=2"].flatMap {
                            ["--set", $0]
                        }, ranks: 1, run: "\(folder)/\(name)")
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.errors.contains("the images lie class by class") == isWarned, "\(result.errors)")
            }
        }
    }

    @Test("are refused where the set was not converted, and with windows of too few images")
    func refusals() throws {
        try withSet { folder, set in
            for (number, (name, more, code, words)) in [
                ("glyphs", ["data_sharing=stream", "stream_window=200"], 64, "steadfast data convert"),
                (set, ["stream_window=200"], 64, "set data_sharing to stream"),
                (set, ["data_sharing=stream", "stream_window=95"], 64, "at least two batches, 96"),
            ].enumerated() {
                let result = try train(recipe(name, more), ranks: 2, run: "\(folder)/\(number)")
                #expect(result.status == code && result.errors.contains(words), "\(result.errors)")
            }
        }
    }

    @Test("train on a set that is larger than the memory allowed for it", .enabled(if: runsAll))
    func large() throws {
        let script = packageFolder + "/Tests/streaming"
        let result = try output(of: "python3", [script, "--gigabytes", "2"])
        #expect(result?.status == 0, "\(result?.text ?? "python3 is not installed")")
    }
}
