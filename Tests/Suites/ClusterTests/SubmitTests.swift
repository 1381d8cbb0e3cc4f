import Checkpoints
import Foundation
import TestSupport
import Testing

/// Stand-ins for qsub and flux, which check their arguments and run the jobs on this machine.
@Suite("cluster/submit, with stand-ins for PBS and Flux", .serialized, .underMPIRun)
struct SubmitTests {
    @Test(
        "a job whose time runs out saves and submits the next one, which ends with the same bits",
        arguments: [
            (
                "pbs", "qsub",
                ["-N steadfast-train", "-A group", "-q night", "-l select=2:ncpus=1", "-l walltime=0:02:10"]
            ),
            (
                "flux", "flux",
                ["batch --job-name=steadfast-train", "--bank group", "--queue night", "--nslots=2", "=130s"]
            ),
        ])
    func timed(scheduler: String, command: String, words: [String]) throws {
        try withTemporaryDirectory { folder in
            let recipe = ["train", "glyphs-plain", "--set", "max_steps=300", "--set", "batch=24", "--run"]
            let alone = try spawn("steadfast", arguments: recipe + [folder + "/alone"]).wait()
            #expect(alone.status == 0, "\(alone.errors)")
            let run = folder + "/a run"
            let result = try submit(folder, scheduler, command, ["-n", "2", "--time", "0:02:10"] + recipe + [run])
            #expect(result.status == 0, "\(result.errors)")
            // A job has 10 s of its own, which the first spends halted.
            try HaltedProcesses(ranksOf: run, count: 2, step: 10).goOn(after: SIGUSR1)
            let limit = Date().addingTimeInterval(120)
            while !RunFiles.isComplete(run), Date() < limit { usleep(50_000) }
            let log = try String(contentsOfFile: folder + "/log", encoding: .utf8)
            #expect(RunFiles.steps(run) == 300 && RunFiles.stepsLost(run) == 0, "\(log)")
            let digests = try [folder + "/alone", run].map {
                try Checkpoint.load(try RunDirectory.latestCheckpoint(in: $0)).trainingDigest
            }
            #expect(digests[0] == digests[1])
            let submitted = try String(contentsOfFile: folder + "/submitted", encoding: .utf8).split(separator: "\n")
            #expect(submitted.count >= 2 && Set(submitted).count == 1, "\(submitted)")
            for word in words { #expect(submitted[0].contains(word), "\(submitted[0])") }
            // Each job starts its ranks once. One whose time ran out before its ranks listened has left no resume.
            let starts = log.components(separatedBy: "launch: start 1: 2 ranks").count - 1
            #expect(starts == submitted.count && !log.contains("launch: start 2"), "\(log)")
            let began = log.components(separatedBy: "\nrun: ").count - 1
            #expect(began >= 2 && RunFiles.resumes(run) == began, "\(log)")
        }
    }

    @Test("what no scheduler would take is refused: no time to save, no number of ranks, no scheduler, no recipe")
    func refused() throws {
        try withTemporaryDirectory { folder in
            for (scheduler, arguments, word) in [
                ("pbs", ["--time", "0:02:00", "train", "glyphs-plain"], "120 s"),
                ("pbs", ["--time", "1h", "train", "a"], "4:00:00"),
                ("pbs", ["-n", "all", "train", "a"], "'all'"), ("lsf", ["train", "a"], "'lsf'"),
                ("pbs", ["train"], "usage"), ("pbs", ["train", "--run", "x", "a"], "stands where the recipe has to"),
                ("flux", ["train", "glyphs-plain", "--set", "epohcs=3"], "did you mean 'epochs'?"),
            ] {
                let result = try submit(folder, scheduler, "qsub", arguments)
                #expect(result.status == 64 && result.errors.contains(word), "\(result.errors)")
                #expect(!FileManager.default.fileExists(atPath: folder + "/submitted"))
            }
            try FileManager.default.removeItem(atPath: folder + "/site")
            let noSite = try spawn(
                path: packageFolder + "/cluster/submit", arguments: ["train", "glyphs-plain"],
                environment: polite.merging(["STEADFAST_SITE": folder + "/site"]) { $1 }
            ).wait(timeout: 60)
            #expect(noSite.status == 66 && noSite.errors.contains("STEADFAST_SITE names"), "\(noSite.errors)")
        }
    }

    private func submit(
        _ folder: String, _ scheduler: String, _ command: String, _ arguments: [String]
    ) throws -> ProgramResult {
        let files = FileManager.default
        try? files.createSymbolicLink(
            atPath: "\(folder)/\(command)", withDestinationPath: packageFolder + "/Tests/cluster/stand-in")
        try Data("site_scheduler=\(scheduler) site_account=group site_partition=night\n".utf8).write(
            to: URL(fileURLWithPath: folder + "/site"))
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
        return try spawn(
            path: packageFolder + "/cluster/submit", arguments: arguments,
            environment: polite.merging([
                "PATH": "\(folder):\(path)", "STAND_IN": folder, "STEADFAST_SITE": folder + "/site",
            ]) { $1 }
        ).wait(timeout: 60)
    }
}
