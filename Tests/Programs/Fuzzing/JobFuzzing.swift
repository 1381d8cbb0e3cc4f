import ArgumentParser
import Essentials
import Foundation
import TestSupport

/// Trains and evaluates networks on small random data sets, and sees that every job ends in a result or a good
/// sentence: `Tests/fuzz jobs`.
struct JobFuzzing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Train, evaluate and report on small random data sets.",
        discussion: """
            Each job is drawn from the seed and its number: sizes, classes, counts, layers, batches, lanes, attacks, \
            strengths. A job that a signal ends, that takes longer than 60 s, or that fails without a sentence is a \
            failure; its files stay.
            """)

    @OptionGroup var draws: FuzzingDraws

    /// Exit codes that say what is wrong.
    private static let sound: Set<Int32> = [0, 64, 65, 66, 69, 73, 74]

    func run() throws {
        var failures = 0
        var codes: [Int32: Int] = [:]
        let start = ContinuousClock.now
        for number in draws.numbers {
            let folder = "/dev/shm/steadfast-jobs-\(getpid())"
            try? FileManager.default.removeItem(atPath: folder)
            let complaint = try run(RandomJob(seed: draws.seed, number: number), in: folder, &codes)
            guard let complaint else { continue }
            failures += 1
            let kept = "\(draws.crashes)/job-\(draws.seed)-\(number)"
            try FileManager.default.makeDirectory(draws.crashes)
            try? FileManager.default.removeItem(atPath: kept)
            try FileManager.default.copyItem(atPath: folder, toPath: kept)
            print("job \(number): \(complaint)")
            fflush(nil)
            if failures == 30 { break }
        }
        try? FileManager.default.removeItem(atPath: "/dev/shm/steadfast-jobs-\(getpid())")
        let ended = codes.sorted { $0.key < $1.key }.map { "\($0.value) with \($0.key)" }.joined(separator: ", ")
        print(
            "jobs: \(draws.count), \(failures) failures, in \(Int(seconds(since: start))) s; programs ended: \(ended)")
        if failures > 0 { throw ArgumentParser.ExitCode(1) }
    }

    /// Runs a job; returns a sentence where a part of it ends otherwise than it should.
    private func run(_ job: RandomJob, in folder: String, _ codes: inout [Int32: Int]) throws -> String? {
        try FileManager.default.makeDirectory(folder + "/set")
        for (name, bytes) in job.files { try AtomicFile.write(bytes, to: "\(folder)/set/\(name)") }
        try AtomicFile.write(job.recipe, to: folder + "/recipe.yaml")
        let (run, output) = (folder + "/run", folder + "/out")
        let commands = [
            ["train", folder + "/recipe.yaml", "--run", run, "--data-directory", folder] + job.training,
            ["evaluate", run, "--output", output, "--data-directory", folder] + job.evaluation,
        ]
        for arguments in commands {
            let program =
                job.ranks > 0
                ? try spawnMpirun(ranks: job.ranks, "steadfast", arguments: arguments)
                : try spawn("steadfast", arguments: arguments)
            let result: ProgramResult
            do { result = try program.wait(timeout: 60) } catch {
                return "\(arguments.joined(separator: " ")): no end within 60 s"
            }
            codes[result.status, default: 0] += 1
            let hasSentence = result.errors.contains("steadfast: ") || result.errors.contains("Error: ")
            let trapped = result.errors.contains("Fatal error")
            guard Self.sound.contains(result.status), !trapped, result.status == 0 || hasSentence else {
                return "\(arguments.joined(separator: " ")): exit code \(result.status): \(result.errors.prefix(600))"
            }
            if result.status != 0 { return nil }
        }
        return nil
    }
}
