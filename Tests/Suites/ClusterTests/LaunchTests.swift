import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite("cluster/launch sees a run through", .underMPIRun, .serialized)
struct LaunchTests {
    private func launch(_ arguments: [String]) throws -> RunningProgram {
        try spawn(path: packageFolder + "/cluster/launch", arguments: arguments, environment: polite)
    }

    private func recipe(_ run: String) -> [String] {
        [
            "train", "glyphs-plain", "--run", run, "--quiet", "--set", "max_steps=300", "--set", "batch=24", "--set",
            "checkpoint.every_steps=20",
        ]
    }

    /// Waits until a run has come to a step.
    private func wait(_ run: String, step: Int) throws {
        let limit = Date().addingTimeInterval(60)
        while RunFiles.steps(run) < step, Date() < limit { usleep(20_000) }
        try #require(RunFiles.steps(run) >= step)
    }

    @Test("a rank that is killed costs the steps since the last checkpoint, and no bit")
    func killed() throws {
        try withTemporaryDirectory { folder in
            let alone = try spawn("steadfast", arguments: recipe(folder + "/alone")).wait(timeout: 60)
            #expect(alone.status == 0, "\(alone.errors)")
            let run = folder + "/run"
            let program = try launch(["-n", "2", "--pause", "1"] + recipe(run))
            let ranks = try HaltedProcesses(ranksOf: run, count: 2, step: 50)
            kill(ranks.processes[0], SIGKILL)
            ranks.goOn()
            let result = try program.wait(timeout: 120)
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.errors.contains("launch: exit code 137") && result.errors.contains("launch: start 2: 2 ranks"))
            #expect(RunFiles.resumes(run) == 1)
            let digests = try [folder + "/alone", run].map {
                try Checkpoint.load(try RunDirectory.latestCheckpoint(in: $0)).trainingDigest
            }
            #expect(digests[0] == digests[1])
        }
    }

    @Test("TERM, and HUP twice, let the run save, and end with 75; it goes on by its directory alone")
    func stopped() throws {
        try withTemporaryDirectory { folder in
            let run = folder + "/run"
            // What was set is the run's.
            let first = recipe(run) + ["--set", "max_steps=100000", "--set", "epochs=500"]
            for (signals, arguments) in [([SIGTERM], first), ([SIGHUP, SIGHUP], ["train", run, "--resume"])] {
                let before = RunFiles.steps(run)
                let program = try launch(["-n", "2"] + arguments)
                try wait(run, step: before + 30)
                for signal in signals {
                    program.signal(signal)
                    usleep(50_000)
                }
                let result = try program.wait(timeout: 30)
                #expect(result.status == 75, "\(result.errors)")
                #expect(result.errors.contains("is saved: go on with --resume"), "\(result.errors)")
            }
            // It ends soon behind the step that it was stopped at.
            let saved = RunFiles.steps(run)
            let goingOn = try launch(["-n", "2", "train", run, "--resume", "--set", "max_steps=\(saved + 5)"])
            let last = try goingOn.wait(timeout: 60)
            #expect(last.status == 0, "\(last.errors)")
            #expect(RunFiles.steps(run) == saved + 5 && RunFiles.resumes(run) == 2 && RunFiles.stepsLost(run) == 0)
        }
    }

    @Test(
        "what cannot succeed is not tried again: usage, an unknown recipe, no host file, bad host files; one sentence")
    func refused() throws {
        try withTemporaryDirectory { folder in
            let hosts = folder + "/hosts"
            func file(_ text: String) throws -> [String] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: hosts))
                return ["--hostfile", hosts, "train", "glyphs-plain"]
            }
            func refuse(_ arguments: [String], _ code: Int32, _ word: String) throws {
                let result = try launch(arguments).wait(timeout: 30)
                #expect(result.status == code, "\(arguments): \(result.errors)")
                #expect(result.errors.contains(word), "\(arguments): \(result.errors)")
                #expect(!result.errors.contains("launch: start"))
            }
            try refuse(["-n", "0", "train", "glyphs-plain"], 64, "usage")
            try refuse(["train", "glyphs-plian"], 66, "glyphs-plain")
            try refuse(["--hostfile", "/none", "train", "glyphs-plain"], 66, "/none")
            try refuse(["--hostfile", "/dev/null", "--host", "a", "train", "glyphs-plain"], 64, "either")
            try refuse(["--host", "a:two", "train", "glyphs-plain"], 65, "'a:two' is no host")
            try refuse(["--host", ",", "train", "glyphs-plain"], 64, "--host names no host")
            try refuse(["--hostfile", "", "train", "glyphs-plain"], 64, "--hostfile names no host")
            try refuse(["train", "--run", folder, "glyphs-plain"], 64, "'--run' stands where the recipe has to")
            try refuse(try file("-V slots=1\n"), 65, "'-V' is no host")
            try refuse(try file("node1 slots=99999999999999999999\n"), 65, "a whole number from 1")
            try refuse(try file("node1:1\n"), 65, "write 'node1 slots=1'")
            try refuse(try file("node1 slots=0\n"), 65, "a whole number from 1")
            try refuse(try file("node1 max_slots=0\n"), 65, "'node1 max_slots=0': slots are a whole number from 1")
            try refuse(try file("node1 slots=two words\n"), 65, "is no host")
        }
        let result = try launch(["-n", "2", "train", "glyphs-plain", "--run", "/proc/none"]).wait(timeout: 30)
        #expect(result.status == 73 && !result.errors.contains("launch: start 2"), "\(result.errors)")
    }

    @Test(
        """
        a host file as sites write it: no last newline, CR, a mark at its start, several lines for a host, max_slots \
        before slots
        """,
        arguments: [
            ("localhost slots=1", 1), ("localhost slots=1\r\n", 1), ("localhost\nlocalhost\nlocalhost", 3),
            ("localhost slots=2\nlocalhost slots = 1\n", 3), ("localhost max_slots=4 slots=1\n", 1),
            ("localhost slots=3 max_slots=2 # few\n\n", 2), ("localhost max_slots=1", 1),
            ("\u{FEFF}localhost slots=1\r\n", 1),
        ])
    func hostFiles(text: String, ranks: Int) throws {
        try withStandIn("exit 0") { folder, program in
            let hosts = folder + "/hosts"
            try Data(text.utf8).write(to: URL(fileURLWithPath: hosts))
            let result = try program(["--hostfile", hosts])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("launch: start 1: \(ranks) ranks on localhost, step 0"), "\(result.errors)")
        }
    }

    @Test("what only asks is answered without ranks")
    func help() throws {
        let result = try launch(["-n", "2", "train", "glyphs-plain", "--help"]).wait(timeout: 30)
        #expect(result.status == 0 && result.output.contains("USAGE: steadfast train"))
        #expect(result.errors.isEmpty, "\(result.errors)")
    }

    @Test("without a number of ranks there is one for each core, here and on a host without slots")
    func cores() throws {
        // The lanes of the stand-in are 8.
        let ranks = min(8, ProcessInfo.processInfo.activeProcessorCount)
        try withStandIn("exit 0") { folder, program in
            let hosts = folder + "/hosts"
            try Data("localhost\n".utf8).write(to: URL(fileURLWithPath: hosts))
            for (options, place) in [([], ""), (["--hostfile", hosts], " on localhost")] {
                let result = try program(options)
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.errors.contains("launch: start 1: \(ranks) ranks\(place), step 0"), "\(result.errors)")
            }
        }
    }

    @Test("what mpirun refuses is final, and it says why; an error of the ranks has none of mpirun's words")
    func mpirunRefuses() throws {
        try withStandIn("echo 'steadfast: broken' >&2; exit 65") { _, program in
            let refused = try program(["-n", "1", "--map-by", "nonsense", "--"])
            #expect(refused.status == 69, "\(refused.errors)")
            #expect(refused.errors.contains("Policy: nonsense") && !refused.errors.contains("launch: start 2"))
            let failed = try program(["-n", "2"])
            #expect(failed.status == 65)
            let lines = failed.errors.split(separator: "\n").filter {
                !$0.hasPrefix("launch: ") && !$0.hasPrefix("steadfast: ")
            }
            #expect(lines.isEmpty, "\(failed.errors)")
        }
    }

    @Test("a stall behind the same step twice is final")
    func stalledTwice() throws {
        try withStandIn("exit 71") { _, program in
            let result = try program(["-n", "1", "--pause", "0"])
            #expect(result.status == 71)
            #expect(result.errors.contains("launch: start 2") && !result.errors.contains("launch: start 3"))
        }
    }

    @Test("an mpirun that stays, though the run is complete or a rank is gone, is ended")
    func mpirunStays() throws {
        let complete = """
            case $* in *--resume*) exit 0 ;; esac
            [ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec sleep 1000
            echo '{"event":"end"}' >>"$run/metrics.jsonl"
            """
        try withStandIn(complete) { _, program in
            let result = try program(["-n", "2", "--leave", "3", "--pause", "0"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("launch: start 2"), "\(result.errors)")
        }
        try withStandIn("[ \"$OMPI_COMM_WORLD_RANK\" = 0 ] || { sleep 5; exit 0; }; trap '' TERM; sleep 1000") {
            _, program in
            let result = try program(["-n", "2", "--leave", "3", "--retries", "0"])
            #expect(result.status != 0)
            #expect(result.errors.contains("a rank has been gone for 3 s: mpirun is ended"), "\(result.errors)")
        }
    }

    /// Runs the body with a program in the place of `steadfast`, whose ranks do what the shell's text says; it finds
    /// the run's directory in `$run`. The body gets a directory, and what launches it with options of launch.
    private func withStandIn(
        _ ranks: String, _ body: (_ folder: String, _ program: ([String]) throws -> ProgramResult) throws -> Void
    ) throws {
        try withTemporaryDirectory { folder in
            let (program, run) = (folder + "/steadfast", folder + "/run")
            try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
            let text = """
                #!/bin/bash
                case $* in *--print-recipe*) echo 'lanes: 8'; exit ;; esac
                run=\(run)
                \(ranks)
                """
            try copyProgram("/dev/null", to: program, appending: text)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            try body(folder) { options in
                try spawn(
                    path: packageFolder + "/cluster/launch",
                    arguments: options + ["train", "glyphs-plain", "--run", run],
                    environment: polite.merging(["STEADFAST": program]) { $1 }
                ).wait(timeout: 60)
            }
        }
    }
}
