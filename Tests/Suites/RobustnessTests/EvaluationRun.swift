import Checkpoints
import Foundation
import TestSupport
import Testing

/// A directory with a network trained for a few steps on the glyphs, `run`; removed in the end.
func withTrainedRun(
    _ recipe: [String] = ["glyphs-mrelu-r-m"], _ body: (_ folder: String) throws -> Void
) throws {
    try withTemporaryDirectory { folder in
        let trained = try spawn(
            "steadfast", arguments: ["train"] + recipe + ["--run", folder + "/run", "--set", "max_steps=30", "--quiet"]
        ).wait(timeout: 120)
        #expect(trained.status == 0, "\(trained.errors)")
        try body(folder)
    }
}

/// Evaluates under mpirun, or alone with 0 ranks.
func evaluate(_ checkpoint: String, output: String, ranks: Int = 0, _ more: [String]) throws -> ProgramResult {
    let arguments = ["evaluate", checkpoint, "--output", output] + more
    return ranks == 0
        ? try spawn("steadfast", arguments: arguments).wait(timeout: 120)
        : try spawnMpirun(ranks: ranks, "steadfast", arguments: arguments).wait(timeout: 120)
}

/// The lines of a directory's summary.csv.
func summary(_ output: String) throws -> [String] {
    try String(contentsOfFile: output + "/summary.csv", encoding: .utf8).split(separator: "\n").map(String.init)
}

/// Expects a program to have refused its input: by this exit code, and one sentence with these words.
func expect(_ result: ProgramResult, _ status: Int32, _ words: [String]) {
    #expect(result.status == status, "\(result.errors)")
    let sentences = result.errors.split(separator: "\n").filter { $0.hasPrefix("steadfast: ") }
    #expect(sentences.count == 1, "\(result.errors)")
    for word in words { #expect(sentences.first?.contains(word) == true, "no '\(word)' in \(sentences)") }
}
