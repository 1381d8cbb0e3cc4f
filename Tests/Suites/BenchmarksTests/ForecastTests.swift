import Foundation
import TestSupport
import Testing

@Suite("--dry-run: what a training, an evaluation, a sweep will take", .serialized)
struct ForecastTests {
    private func steadfast(_ arguments: String...) throws -> ProgramResult {
        try spawn("steadfast", arguments: arguments).wait(timeout: 120)
    }

    /// The most bytes of memory that a program held until its end, shared pages counted.
    private func peak(of program: RunningProgram) -> Double {
        var kilobytes = 0.0
        while program.isRunning {
            let status = (try? String(contentsOfFile: "/proc/\(program.identifier)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            kilobytes = max(kilobytes, line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0)
            usleep(2_000)
        }
        return 1024 * kilobytes
    }

    @Test("tells steps, memory, files and time, writes nothing, and refuses what the command itself would refuse")
    func forecast() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            let small = [
                "glyphs-plain", "--set", "batch=100", "--set", "validation=200", "--set", "epochs=3", "--set",
                "checkpoint.every_steps=50", "--run", run,
            ]
            let told = try spawn("steadfast", arguments: ["train"] + small + ["--dry-run"]).wait(timeout: 120)
            #expect(told.status == 0, "\(told.errors)")
            // 12,000 glyphs, less those for validation.
            #expect(told.output.contains("11800 training images an epoch, 200 for validation"), "\(told.output)")
            #expect(told.output.contains("354: 118 an epoch, batch 100 in 8 lanes"), "\(told.output)")
            #expect(told.output.contains("8 checkpoints of "), "\(told.output)")
            let table = told.lines.drop { !$0.hasPrefix("ranks ") }.dropFirst().map { $0.prefix { $0.isNumber } }
            #expect(table == ["1", "2", "4", "8"])
            #expect(!FileManager.default.fileExists(atPath: run))

            let training = try spawn("steadfast", arguments: ["train"] + small + ["--set", "max_steps=100"])
            let peak = peak(of: training)
            let trained = try training.wait(timeout: 120)
            #expect(trained.status == 0, "\(trained.errors)")
            let memory = try #require(
                told.lines.first { $0.hasPrefix("memory ") }?.split(separator: " ").dropFirst().first.map(String.init))
            #expect(abs(try #require(Double(memory)) * 1e6 / peak - 1) < 0.1, "\(memory) MB of \(peak)")
            let again = try spawn("steadfast", arguments: ["train"] + small + ["--dry-run"]).wait(timeout: 120)
            #expect(again.status == 73 && again.errors.contains("holds a run"), "\(again.errors)")
            let rest = try spawn("steadfast", arguments: ["train"] + small + ["--dry-run", "--resume"]).wait(
                timeout: 120)
            #expect(rest.output.contains("steps     254: "), "\(rest.output)\(rest.errors)")
            let many = try steadfast("train", "glyphs-plain", "--dry-run", "--set", "validation=12000")
            #expect(many.status == 64 && many.errors.contains("too few"), "\(many.errors)")

            let output = folder + "/evaluation"
            let attacks = ["--attacks", "clean,pgd:steps=5", "--strengths", "0.1", "--output", output, "--dry-run"]
            let evaluated = try spawn("steadfast", arguments: ["evaluate", run] + attacks).wait(timeout: 120)
            #expect(evaluated.status == 0 && evaluated.output.contains("  pgd:steps=5: "), "\(evaluated.errors)")
            #expect(evaluated.output.contains("2000 samples on 1 rank"), "\(evaluated.output)")
            #expect(!FileManager.default.fileExists(atPath: output))
            let wrong = try steadfast("evaluate", run, "--attacks", "pdg", "--output", output, "--dry-run")
            #expect(wrong.status == 64 && wrong.errors.contains("pdg"), "\(wrong.errors)")
            try refusesWhatFoldersHold(folder, run)

            let swept = try steadfast(
                "sweep", "glyphs-plain", "--runs", folder + "/s", "--sweep", "learning_rate=0.01,0.02", "--sweep",
                "seed=1..2", "--dry-run")
            #expect(swept.status == 0, "\(swept.errors)")
            #expect(swept.output.contains("4, of 1 different costs; 1 rank"), "\(swept.output)")
            #expect(swept.output.contains(" of training, ") && swept.output.contains(" of evaluation"))
            let halved = try steadfast(
                "sweep", "glyphs-plain", "--runs", folder + "/s", "--sweep", "learning_rate=0.01,0.02,0.03", "--set",
                "validation=200", "--search", "halving:epochs=1", "--task", "2/2", "--dry-run")
            #expect(halved.status == 0, "\(halved.errors)")
            #expect(halved.output.contains("1, of 1 different costs; 1 rank"), "\(halved.output)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/s"))
        }
    }

    /// Estimates into folders of other evaluations and sweeps, and of a run.
    private func refusesWhatFoldersHold(_ folder: String, _ run: String) throws {
        let clean = ["evaluate", run, "--attacks", "clean", "--samples", "20", "--output"]
        let other = ["evaluate", run, "--attacks", "noise-sign", "--samples", "20", "--dry-run", "--output"]
        func expect(_ arguments: [String], _ status: Int32, _ words: String? = nil) throws {
            let result = try spawn("steadfast", arguments: arguments).wait(timeout: 120)
            #expect(result.status == status, "\(arguments): \(result.errors)")
            if let words { #expect(result.errors.contains(words), "\(arguments): \(result.errors)") }
        }
        try expect(clean + [folder + "/clean"], 0)
        try expect(other + [folder + "/clean"], 64, "results of another evaluation")
        try expect(clean + [folder + "/clean", "--resume", "--dry-run"], 0)
        let journal = folder + "/begun/journal"
        try FileManager.default.createDirectory(atPath: folder + "/begun", withIntermediateDirectories: true)
        try "steadfast-journal 1 of another\n".write(toFile: journal, atomically: true, encoding: .utf8)
        try expect(other + [folder + "/begun"], 73, "not finished")
        try expect(other + [folder + "/begun", "--resume"], 64, "belongs to another evaluation")
        try "dataset: glyphs\nsweep: {seed: 1..2}\n".write(
            toFile: folder + "/begun/sweep.yaml", atomically: true, encoding: .utf8)
        let sweep = ["sweep", "glyphs-plain", "--sweep", "learning_rate=0.01,0.02", "--dry-run", "--runs"]
        try expect(sweep + [folder + "/begun"], 73, "holds another sweep")
        try expect(sweep + [run], 73, "holds a run")
        #expect(!FileManager.default.fileExists(atPath: folder + "/begun/jobs"))
    }
}
