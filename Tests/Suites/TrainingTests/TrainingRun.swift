import Checkpoints
import Foundation
import TestSupport
import Testing

/// The built-in recipe, cut down so that a run takes seconds: drawn samples of all kinds, batch norm, both fully
/// connected layers, a short last batch.
let smallRecipe = [
    "glyphs-mrelu-r-m", "--set", "batch=24", "--set", "max_steps=12", "--set", "mean_training.samples=600",
]

/// The plain network on the same data, as short.
let plainRecipe = ["glyphs-plain", "--set", "batch=24", "--set", "max_steps=12"]

/// Trains under mpirun.
func train(
    _ recipe: [String] = smallRecipe, ranks: Int, run: String, _ more: String..., environment: [String: String] = [:],
    timeout: Double = 120
) throws -> ProgramResult {
    try spawnMpirun(
        ranks: ranks, "steadfast", arguments: ["train"] + recipe + ["--run", run] + more, environment: environment
    ).wait(timeout: timeout)
}

/// The digest over /model, /optimizer and /input of a run's newest checkpoint.
func digest(ofRun run: String) throws -> String {
    try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)).trainingDigest
}

/// The objects of metrics.jsonl.
func metrics(ofRun run: String) throws -> [[String: Any]] {
    try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
}

/// Waits until a run has recorded a step; a program that does not come so far fails the test.
func waitForStep(_ step: Int, run: String, _ program: RunningProgram) throws {
    let end = Date.now.addingTimeInterval(60)
    while Date.now < end {
        let text = (try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8)) ?? ""
        if text.contains("\"event\":\"step\",\"step\":\(step),") { return }
        usleep(5000)
    }
    Issue.record("step \(step) was not reached: \(try program.wait(timeout: 1).errors)")
}

/// True where the long suites were asked for.
let runsAll = ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil
