import Foundation
import TestSupport
import Testing

@Suite("steadfast reproduce", .underMPIRun, .serialized)
struct ReproduceTests {
    private func reproduce(_ arguments: [String], ranks: Int = 2) throws -> (
        status: Int32, output: String, errors: String
    ) {
        try mpirun(ranks: ranks, "steadfast", arguments: ["reproduce"] + arguments, timeout: 240)
    }

    @Test(
        "trains, evaluates and reports each model and seed; again, on more ranks, it trains and attacks nothing anew",
        .enabled(if: realData("mnist") != nil, "no MNIST in $STEADFAST_DATA or ../shared/data"))
    func reproduces() throws {
        try withTemporaryDirectory { folder in
            let arguments = [
                "mnist", "--run", folder, "--models", "plain,mrelu-r-m", "--seeds", "2", "--set", "max_steps=12",
                "--samples", "40", "--strong-samples", "0",
            ]
            let result = try reproduce(arguments)
            #expect(result.status == 0, "\(result.errors)")
            let page = try String(contentsOfFile: folder + "/report/index.html", encoding: .utf8)
            #expect(page.contains("Table 2"))
            let files = try ["mnist-plain/seed-1", "mnist-plain/seed-2", "mnist-mrelu-r-m/seed-2"].map { run in
                try #require(
                    FileManager.default.contents(atPath: "\(folder)/\(run)/evaluation/results.h5"), "\(run) is missing")
            }
            #expect(files[0] != files[1])
            let metrics = try String(contentsOfFile: folder + "/mnist-plain/seed-2/metrics.jsonl", encoding: .utf8)

            let again = try reproduce(arguments, ranks: 3)
            #expect(again.status == 0, "\(again.errors)")
            let steps = try String(contentsOfFile: folder + "/mnist-plain/seed-2/metrics.jsonl", encoding: .utf8)
            #expect(
                steps.components(separatedBy: "\"step\",\"step\"").count
                    == metrics.components(separatedBy: "\"step\",\"step\"").count)
            #expect(!again.output.contains("since the start"), "nothing is attacked twice")
        }
    }

    @Test("refuses a data set or a model that it does not know, before anything is trained")
    func refuses() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            for (arguments, code, word) in [
                (["imagenet", "--run", run], 64, "mnist, cifar10"),
                (["mnist", "--run", run, "--models", "plain,mrelu-rm"], 66, "mnist-mrelu-rm"),
                (["mnist", "--run", run, "--seeds", "0"], 64, "--seeds"),
                (["mnist", "--run", run, "--set", "epochz=2"], 64, "epochz"),
                (["mnist", "--run", run, "--set", "seed=2"], 64, "--seeds"),
                (["mnist", "--run", run, "--samples", "0"], 64, "--samples"),
            ] {
                let result = try reproduce(arguments)
                #expect(result.status == Int32(code), "\(arguments): \(result.errors)")
                #expect(result.errors.contains(word), "\(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: run))
            }
        }
    }
}
