import Checkpoints
import Foundation
import Synchronization
import TestSupport
import Testing

/// The files of trained runs, by their recipes: a run is trained once, and each test has a copy of its own.
private let trainedRuns = Mutex<[[String]: [String: Data]]>([:])

/// A directory with a network trained for a few steps on the glyphs, `run`; removed in the end.
func withTrainedRun(
    _ recipe: [String] = ["glyphs-mrelu-r-m"], _ body: (_ folder: String) throws -> Void
) throws {
    try withTemporaryDirectory { folder in
        let run = folder + "/run"
        let files = try trainedRuns.withLock { runs in
            let files = try runs[recipe] ?? trainedRun(recipe, run)
            runs[recipe] = files
            return files
        }
        for (name, content) in files {
            let file = URL(fileURLWithPath: "\(run)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try content.write(to: file)
        }
        try body(folder)
    }
}

/// Trains a run, and returns its files.
private func trainedRun(_ recipe: [String], _ run: String) throws -> [String: Data] {
    let trained = try spawn(
        "steadfast", arguments: ["train"] + recipe + ["--run", run, "--set", "max_steps=30", "--quiet"]
    ).wait(timeout: 120)
    try #require(trained.status == 0, "\(trained.errors)")
    let names = try FileManager.default.subpathsOfDirectory(atPath: run)
    return names.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: "\(run)/\($1)") }
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
