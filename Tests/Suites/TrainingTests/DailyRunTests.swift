import Checkpoints
import Essentials
import Foundation
import TestSupport
import Testing
import Training

/// Small runs of one process on the bars, as a person starts them.
@Suite("A run as a person sees it", .serialized)
struct DailyRunTests {
    private func withBars(_ more: String = "", _ body: (_ folder: String, _ recipe: String) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            let recipe = folder + "/bars.yaml"
            try barRecipe("mrelu", more: more).write(toFile: recipe, atomically: true, encoding: .utf8)
            try body(folder, recipe)
        }
    }

    private func steadfast(
        _ arguments: String..., data: String? = nil, environment: [String: String] = [:]
    ) throws -> ProgramResult {
        try spawn(
            "steadfast", arguments: arguments + (data.map { ["--data-directory", $0] } ?? []), environment: environment
        ).wait()
    }

    @Test("output that a full disk keeps back is a failure, and one that nobody reads is none")
    func lostOutput() throws {
        func shell(_ line: String) throws -> ProgramResult {
            try spawn(path: "/bin/sh", arguments: ["-c", line, try builtProgram("steadfast")]).wait()
        }
        let lost = try shell("\"$0\" recipe schema > /dev/full")
        #expect(lost.status == 74 && lost.errors.contains("standard output: No space left on device"), "\(lost.errors)")
        let unread = try shell("{ \"$0\" manual; echo $? >&2; } | :")
        #expect(unread.errors == "0\n", "\(unread.errors)")
    }

    @Test("a progress line has rate and time left, and costs less than 0.2 % of the time between two")
    func progressLine() throws {
        let file = FileManager.default.temporaryDirectory.path + "/steadfast-" + UUID().uuidString
        try Data().write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let count = 400
        let handle = try #require(FileHandle(forWritingAtPath: file))
        var line = ProgressLine(isMoving: true, interval: 0, to: handle)
        let start = ContinuousClock.now
        for step in 1...count {
            line.update("step \(step)/\(count)", done: step, of: count, amount: 100, unit: "images/s")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        line.clear()
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.components(separatedBy: "\r\u{1B}[Kstep ").count == count + 1 && text.hasSuffix("\r\u{1B}[K"))
        #expect(text.contains(" images/s  0:00:0"), "\(text.prefix(100))")
        #expect(seconds / Double(count) < 0.002 * ProgressLine.movingInterval, "\(seconds) s for \(count)")
    }

    private func shell(_ script: String, data: String) throws -> ProgramResult {
        try spawn(
            path: "/bin/bash", arguments: ["-c", script],
            environment: ["STEADFAST": try builtProgram("steadfast"), "STEADFAST_DATA": data]
        ).wait()
    }

    @Test("metrics begin with versions, ranks and the recipe's digest; each line has its time")
    func start() throws {
        try withBars("max_steps: 3") { folder, recipe in
            let run = folder + "/run"
            let trained = try steadfast("train", recipe, "--run", run, data: folder)
            #expect(trained.status == 0, "\(trained.errors)")
            let events = try metrics(ofRun: run)
            #expect(events.first?["event"] as? String == "start" && events.first?["ranks"] as? Int == 1)
            #expect((events.first?["recipe_digest"] as? String)?.count == 64)
            #expect(events.first?["version"] as? String == Product.version)
            for event in events {
                let time = try #require(event["time"] as? String)
                #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil, "\(time)")
            }
            let again = try steadfast("train", recipe, "--run", run, "--resume", data: folder)
            #expect(again.status == 0 && again.output.contains("resumed at step 3"), "\(again.output)")
            #expect(try metrics(ofRun: run).filter { $0["event"] as? String == "start" }.count == 1)
        }
    }

    @Test("drawn samples are a tenth of the training images; their error is shown apart, and resolved in recipe.yaml")
    func drawnSamples() throws {
        try withBars("mean_training: true\nvalidation: 30\nepochs: 1") { folder, text in
            let recipe = text
            let yaml = try String(contentsOfFile: recipe, encoding: .utf8).replacingOccurrences(
                of: "epochs: 8\n", with: "")
            try yaml.write(toFile: recipe, atomically: true, encoding: .utf8)
            let run = folder + "/run"
            let trained = try steadfast("train", recipe, "--run", run, data: folder)
            #expect(trained.status == 0, "\(trained.errors)")
            #expect(trained.output.contains("324 samples an epoch") && trained.output.contains("drawn error"))
            let written = try RunDirectory.recipe(of: run)
            #expect(written.contains("  samples: 27\n") && written.contains("  noise_samples: 27\n"))
            let epoch = try #require(try metrics(ofRun: run).first { $0["event"] as? String == "epoch" })
            let (all, images, drawn) = (
                epoch["error"] as? Double, epoch["image_error"] as? Double, epoch["drawn_error"] as? Double
            )
            let sum = 270 * (images ?? .nan) + 54 * (drawn ?? .nan)
            #expect(abs(sum - 324 * (all ?? .nan)) < 1e-6)
            // The same recipe goes on with the run's numbers.
            let again = try steadfast("train", recipe, "--run", run, "--resume", data: folder)
            #expect(again.status == 0, "\(again.errors)")
        }
    }

    @Test("a network that rejects nearly all images it was trained on is warned of, at an early stop too")
    func rejecting() throws {
        func warning(_ images: Double, _ drawn: Double, _ rejected: Double) -> String? {
            TrainingReporter.rejection(TrainingSums(images: images, drawn: drawn, rejected: rejected))
        }
        #expect(warning(100, 50, 46)?.contains("rejects 92 % of the images that it was trained on") == true)
        #expect(warning(100, 50, 44) == nil && warning(50, 0, 0) == nil && warning(50, 50, 0) == nil)
        let drawn = "mean_training: {samples: 24, noise_samples: 1200}"
        try withBars("validation: 60\nearly_stopping: 1\n\(drawn)") { folder, recipe in
            let trained = try steadfast("train", recipe, "--run", folder + "/run", data: folder)
            #expect(trained.status == 0 && trained.output.contains("ended early"), "\(trained.output)")
            #expect(trained.errors.contains("of the images that it was trained on: lower"), "\(trained.errors)")
        }
    }

    @Test("a run that ends within an epoch validates there, and has a best network")
    func lastValidation() throws {
        try withBars("validation: 60\nmax_steps: 5") { folder, recipe in
            let run = folder + "/run"
            let trained = try steadfast("train", recipe, "--run", run, data: folder)
            #expect(trained.status == 0, "\(trained.errors)")
            #expect(trained.output.contains("the best network: least validation error"))
            let epochs = try metrics(ofRun: run).filter { $0["event"] as? String == "epoch" }
            #expect(epochs.count == 1 && epochs[0]["validation_error"] is Double)
            let (best, latest) = (
                try steadfast("inspect", run, "--best", "--digest"), try steadfast("inspect", run, "--digest")
            )
            #expect(best.status == 0 && best.output == latest.output && best.output.count == 65)
            #expect(try steadfast("inspect", run + "/checkpoints/best", "--digest").output == best.output)
            let none = try steadfast("inspect", run + "/checkpoints/step-00000005.h5", "--best")
            #expect(none.status == 64 && none.errors.contains("--best goes with a run's directory"))
        }
    }

    @Test("early stopping says why, and which epoch is best; a list of validation attacks counts the worst case")
    func earlyStopping() throws {
        try withBars(
            "validation: 60\nearly_stopping: 2\n"
                + "validation_attack: {attack: \"fgsm,pgd:steps=2:step=0.1\", strength: 0.1}"
        ) { folder, recipe in
            let trained = try steadfast(
                "train", recipe, "--run", folder + "/run", "--set", "learning_rate=1e-12", data: folder)
            #expect(trained.status == 0, "\(trained.errors)")
            #expect(trained.output.contains("under fgsm,pgd:steps=2:step=0.1 at 0.1"), "\(trained.output)")
            let warning = "warning: validation_attack.attack, 'pgd:steps=2:step=0.1': all 2 steps"
            #expect(trained.errors.components(separatedBy: warning).count == 2, "\(trained.errors)")
            #expect(
                trained.output.contains(
                    "ended early: no better network on the validation images for 2 epochs; best: epoch"),
                "\(trained.output)")
            let wrong = try steadfast(
                "train", recipe, "--run", folder + "/b", "--set", "validation_attack.attack=fgsm,pdg", data: folder)
            #expect(wrong.status == 64 && wrong.errors.contains("pdg"), "\(wrong.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/b"))
        }
    }

    @Test("a run goes on by its directory; a difference tells both values; values that are not given are the run's")
    func resumeByDirectory() throws {
        try withBars("max_steps: 3") { folder, recipe in
            let run = folder + "/run"
            let trained = try steadfast(
                "train", recipe, "--run", run, "--set", "momentum=0.5", "--set", "epochs=2", data: folder)
            #expect(trained.status == 0, "\(trained.errors)")
            let refused = try steadfast("train", run, "--resume", "--set", "batch=30", data: folder)
            #expect(refused.status == 64 && refused.errors.contains("batch: 20 in the run, 30 asked for"))
            #expect(refused.errors.contains("initial_weights: \(run)"))
            let more = try steadfast("train", run, "--resume", "--set", "max_steps=6", data: folder)
            #expect(more.status == 0 && more.output.contains("resumed at step 3"), "\(more.errors)")
            // The recipe says 8 epochs.
            let last = try steadfast("train", recipe, "--run", run, "--resume", "--set", "max_steps=9", data: folder)
            #expect(last.status == 0 && last.output.contains("epochs: 2 in the run, 8 asked for"), "\(last.errors)")
            #expect(try RunDirectory.recipe(of: run).contains("momentum: 0.5"))
            let plain = try steadfast("train", run, data: folder)
            #expect(plain.status == 64 && plain.errors.contains("--resume"), "\(plain.errors)")
            let printed = try steadfast("train", run, "--resume", "--print-recipe", data: folder)
            #expect(printed.output.contains("data_directory: \(folder)\n"), "\(printed.output)")
            let two = try steadfast("train", run, "--run", folder + "/other", "--resume", data: folder)
            #expect(two.status == 64 && two.errors.contains("--run names another one"), "\(two.errors)")
            let same = try steadfast("train", run, "--run", run + "/", "--resume", data: folder)
            #expect(same.status == 0, "\(same.errors)")
            let none = try steadfast("train", folder + "/bars", "--resume", data: folder)
            #expect(none.status == 66 && none.errors.contains("holds no run"), "\(none.errors)")
        }
    }

    @Test("a run may have more epochs, and ends as if it had been asked for them; not where rates follow from them")
    func longer() throws {
        try withBars("schedule: {kind: step, epochs: [2], factor: 0.5}") { folder, recipe in
            func trained(_ run: String, _ more: String...) throws -> String {
                let arguments = ["train"] + more + ["--data-directory", folder]
                let result = try spawn("steadfast", arguments: arguments).wait()
                #expect(result.status == 0, "\(result.errors)")
                return try digest(ofRun: run)
            }
            let whole = try trained(folder + "/whole", recipe, "--run", folder + "/whole", "--set", "epochs=3")
            let run = folder + "/parts"
            let part = try trained(run, recipe, "--run", run, "--set", "epochs=1")
            #expect(part != whole)
            #expect(try trained(run, run, "--resume", "--set", "epochs=3") == whole)
            #expect(try RunDirectory.recipe(of: run).contains("epochs: 3\n"))
            let fewer = try steadfast("train", run, "--resume", "--set", "epochs=2", data: folder)
            #expect(fewer.status == 64 && fewer.errors.contains("has done 45 steps"), "\(fewer.errors)")
            #expect(try RunDirectory.recipe(of: run).contains("epochs: 3\n"))
            let cosine = folder + "/cosine"
            _ = try trained(cosine, recipe, "--run", cosine, "--set", "epochs=1", "--set", "schedule=cosine")
            let refused = try steadfast("train", cosine, "--resume", "--set", "epochs=2", data: folder)
            #expect(
                refused.status == 64 && refused.errors.contains("cosine schedule follow from it"), "\(refused.errors)")
        }
    }

    @Test("--resume of a run that is none says so; a failed start leaves no directory behind")
    func mistypedRun() throws {
        try withBars("max_steps: 1") { folder, recipe in
            let typo = try steadfast("train", recipe, "--run", folder + "/rnu", "--resume", data: folder)
            #expect(typo.status == 0 && typo.output.contains("holds no run yet, starts at step 0"), "\(typo.output)")
            // As if it had been killed before its first checkpoint.
            try FileManager.default.removeItem(atPath: folder + "/rnu/checkpoints")
            let again = try steadfast("train", recipe, "--run", folder + "/rnu", "--resume", data: folder)
            #expect(again.output.contains("has no checkpoint yet, starts again at step 0"), "\(again.errors)")
            let failed = try steadfast("train", recipe, "--run", folder + "/failed/run", data: folder + "/nowhere")
            #expect(failed.status == 66, "\(failed.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/failed"))
        }
    }

    @Test("a reader that goes away, a lost terminal and a limit of file size lose no work")
    func lostTerminal() throws {
        try withBars("max_steps: 40") { folder, recipe in
            let piped = try shell(
                "set -o pipefail; \"$STEADFAST\" train \(recipe) --run \(folder)/piped | head -1", data: folder)
            #expect(piped.status == 0, "\(piped.errors)")
            #expect(try metrics(ofRun: folder + "/piped").last?["event"] as? String == "end")
            let program = try spawn(
                "steadfast",
                arguments: [
                    "train", recipe, "--run", folder + "/hung", "--data-directory", folder, "--set",
                    "max_steps=1000000", "--set", "epochs=1000000",
                ])
            try program.waitForOutput { $0.contains("2/1000000") }
            program.signal(SIGHUP)
            let hung = try program.wait()
            #expect(hung.status == 75 && hung.errors.contains("is saved"), "\(hung.errors)")
            let limited = try shell(
                "ulimit -f 16; \"$STEADFAST\" train \(recipe) --run \(folder)/limited", data: folder)
            #expect([73, 74].contains(limited.status), "\(limited.status) \(limited.errors)")
            #expect(limited.errors.contains("File too large"), "\(limited.errors)")
        }
    }

    @Test(
        "words of the command line: a command's nearest name, ~ behind =, bytes that are no text", .underMPIRun)
    func words() throws {
        try withBars("max_steps: 1") { folder, recipe in
            let typo = try steadfast("trian")
            #expect(typo.status == 64 && typo.errors.contains("unknown command 'trian'; did you mean 'train'?"))
            let inner = try steadfast("help", "data", "fecth")
            #expect(inner.status == 64, "\(inner.errors)")
            #expect(inner.errors.contains("unknown subcommand of data 'fecth'; did you mean 'fetch'?"))
            // The same on all ranks, and said once.
            let ranks = try spawnMpirun(ranks: 2, "steadfast", arguments: ["trian"]).wait()
            #expect(ranks.status == 64 && ranks.errors.components(separatedBy: "'trian'").count == 2, "\(ranks.errors)")
            let home = try steadfast(
                "train", recipe, "--run=~/home/own", "--set", "data_directory=~/",
                environment: ["HOME": folder, "STEADFAST_DATA": "~/nowhere"])
            #expect(home.status == 0, "\(home.errors)")
            #expect(FileManager.default.fileExists(atPath: folder + "/home/own/recipe.yaml"))
            let place = try shell("HOME=$'/\\xff' \"$STEADFAST\" train \(recipe) --run \(folder)/place", data: folder)
            #expect(place.status == 64 && place.errors.contains("HOME, '") && place.errors.contains("is not UTF-8"))
            let bytes = try shell("\"$STEADFAST\" train \(recipe) --run $'\(folder)/\\xff'", data: folder)
            #expect(bytes.status == 64 && bytes.errors.contains("is not UTF-8"), "\(bytes.errors)")
        }
    }

    /// The messages of an event file: frames of a length, its checksum, the message and its checksum.
    private func events(_ path: String) throws -> [Data] {
        var (rest, found) = (try Data(contentsOf: URL(fileURLWithPath: path)), [Data]())
        while rest.count > 16 {
            let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            found.append(Data(rest.dropFirst(12).prefix(length)))
            rest = rest.dropFirst(16 + length)
        }
        return found
    }

    @Test("the event file of a run that starts again begins with a start, which makes earlier points void")
    func eventsStart() throws {
        try withBars("max_steps: 20") { folder, recipe in
            let run = folder + "/run"
            for _ in 1...2 {
                #expect(try steadfast("train", recipe, "--run", run, "--resume", data: folder).status == 0)
                // As if it had been killed before its first checkpoint.
                try FileManager.default.removeItem(atPath: run + "/checkpoints")
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: run).filter { $0.contains("tfevents") }
            // The session's status, the last field: 7, of 2 bytes, START.
            let starts = try files.sorted().map {
                try events("\(run)/\($0)").filter { $0.suffix(4) == Data([0x3A, 2, 8, 1]) }.count
            }
            #expect(starts == [0, 1])
        }
    }

    private static let hasTensorBoard =
        (try? spawn(path: "/usr/bin/env", arguments: ["python3", "-c", "import tensorboard"]).wait().status) == 0

    @Test(
        "TensorBoard's own reader sees steps that never fall, also where a run was resumed",
        .enabled(if: hasTensorBoard, "no tensorboard for python3 (pip install tensorboard)"))
    func tensorBoard() throws {
        let python = "/usr/bin/env"
        try withBars("max_steps: 100\ncheckpoint: {every_steps: 30}") { folder, recipe in
            let run = folder + "/run"
            #expect(try steadfast("train", recipe, "--run", run, data: folder).status == 0)
            // As if the run had been killed behind its checkpoint of step 60.
            for step in [90, 100] { unlink("\(run)/checkpoints/step-\(step < 100 ? "000000" : "00000")\(step).h5") }
            try "step-00000060.h5\n".write(toFile: run + "/checkpoints/latest", atomically: true, encoding: .utf8)
            let resumed = try steadfast("train", recipe, "--run", run, "--resume", data: folder)
            #expect(resumed.status == 0 && resumed.output.contains("resumed at step 60"), "\(resumed.errors)")
            let script = """
                import sys
                from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
                events = EventAccumulator(sys.argv[1])
                events.Reload()
                print([event.step for event in events.Scalars("training/loss")])
                """
            let read = try spawn(path: python, arguments: ["python3", "-c", script, run]).wait()
            #expect(read.output == "[20, 40, 60, 80, 100]\n", "\(read.output)\(read.errors)")
        }
    }
}
