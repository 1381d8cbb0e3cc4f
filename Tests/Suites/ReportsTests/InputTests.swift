import Essentials
import Foundation
import Robustness
import TestSupport
import Testing

import Reports

@Suite("What a report reads")
struct InputTests {
    @Test("is found at any depth, but not what a report wrote, nor through links")
    func finder() throws {
        try withTemporaryDirectory { folder in
            for path in ["a/seed-1/evaluation", "a/seed-2/evaluation", "report", "b"] {
                try write([row("clean", 0, 0.1)], to: "\(folder)/\(path)")
            }
            try FileManager.default.createSymbolicLink(atPath: folder + "/a/circle", withDestinationPath: folder)
            let found = try EvaluationFinder.folders(in: folder, except: folder + "/./report")
            #expect(found == ["a/seed-1/evaluation", "a/seed-2/evaluation", "b"].map { "\(folder)/\($0)" })
            // Named itself it is read.
            #expect(try EvaluationFinder.folders(in: folder + "/report", except: folder + "/report").count == 1)
            try FileManager.default.createDirectory(atPath: folder + "/empty/deep", withIntermediateDirectories: true)
            for place in ["empty", "none"] {
                let failure = #expect(throws: Failure.self) {
                    try EvaluationFinder.folders(in: "\(folder)/\(place)", except: "x")
                }
                #expect(failure?.code == .noInput && failure?.message.contains("\(folder)/\(place)") == true)
            }
        }
    }

    @Test("names a network after its recipe and seed, or its file")
    func names() {
        #expect(NetworkName(path: "/r/mnist-plain/seed-3") == NetworkName(name: "mnist-plain", seed: 3, step: nil))
        #expect(NetworkName(path: "/r/own/") == NetworkName(name: "own", seed: nil, step: nil))
        #expect(NetworkName(path: "checkpoints/mnist-relu-pgd.h5").name == "mnist-relu-pgd")
        #expect(
            NetworkName(path: "/r/a/seed-1/checkpoints/step-00000120.h5") == NetworkName(name: "a", seed: 1, step: 120))
    }

    @Test("takes several evaluations of a network together, and of the steps of one run the last")
    func collection() throws {
        let networks = EvaluatedNetwork.collect([
            ("x", [row("clean", 0, 0.1, checkpoint: "r/m/seed-1"), row("clean", 0, 0.2, checkpoint: "r/m/seed-2")]),
            ("y", [row("pgd", 0.1, 0.5, checkpoint: "r/m/seed-1")]),
            (
                "z",
                [
                    row("clean", 0, 0.9, checkpoint: "r/w/checkpoints/step-00000002.h5"),
                    row("clean", 0, 0.3, checkpoint: "r/w/checkpoints/step-00000010.h5"),
                ]
            ),
        ])
        #expect(networks.map(\.identity.name) == ["m", "m", "w"] && networks.map(\.rows.count) == [2, 1, 1])
        #expect(
            networks[0].folders == ["x", "y"] && networks[2].identity.step == 10 && networks[2].rows[0].error == 0.3)
        let model = EvaluatedModel.collect(networks)[0]
        #expect(model.measurement("clean", 0)?.errors == [0.1, 0.2] && model.measurement("pgd", 0.1)?.errors == [0.5])
        #expect(abs((model.measurement("clean", 0)?.mean ?? 0) - 0.15) < 1e-12)
        #expect(model.measurement("pgd", 0.2) == nil)
    }

    @Test("takes the row of most samples where an attack was run twice")
    func mostSamples() {
        let model = EvaluatedModel([
            network("m", [row("clean", 0, 0.1, samples: 100), row("clean", 0, 0.2, samples: 900)])
        ])
        #expect(model.measurement("clean", 0)?.errors == [0.2] && model.measurement("clean", 0)?.samples == 900)
    }

    @Test("follows metrics as they grow, forgets what is computed again, and passes over what is none")
    func metrics() throws {
        try withTemporaryDirectory { folder in
            var metrics = RunMetrics(run: folder, steps: true)
            try metrics.readOn()
            #expect(metrics.steps.isEmpty && !metrics.hasEnded)
            func append(_ text: String) throws {
                let path = folder + "/metrics.jsonl"
                let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                try (old + text).write(toFile: path, atomically: true, encoding: .utf8)
            }
            func step(_ number: Int) -> String {
                "{\"event\":\"step\",\"step\":\(number),\"loss\":\(number).5,\"error\":0.5,\"images_per_second\":10}\n"
            }
            try append(
                step(1) + step(2)
                    + "nonsense\n{\"event\":\"epoch\",\"step\":2,\"epoch\":0,\"loss\":2,\"error\":0.25,"
                    + "\"validation_error\":0.5,\"images_per_second\":7}\n"
                    + "{\"event\":\"step\",\"st")
            try metrics.readOn()
            #expect(metrics.steps.map(\.step) == [1, 2] && metrics.steps[1].loss == 2.5)
            #expect(metrics.epochs.count == 1 && metrics.epochs[0].validation == 0.5 && metrics.epochs[0].loss == 2)
            // The half line is completed.
            try append("ep\":3,\"loss\":null,\"error\":0.5,\"images_per_second\":1}\n{\"event\":\"end\",\"step\":3}\n")
            try metrics.readOn()
            #expect(metrics.steps.map(\.step) == [1, 2, 3] && metrics.steps[2].loss.isNaN && metrics.hasEnded)
            try append("{\"event\":\"resume\",\"step\":1}\n" + step(2))
            try metrics.readOn()
            #expect(metrics.steps.map(\.step) == [1, 2] && metrics.epochs.isEmpty && !metrics.hasEnded)
        }
    }
}
