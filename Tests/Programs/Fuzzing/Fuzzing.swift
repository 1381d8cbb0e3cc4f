import ArgumentParser
import Essentials
import Foundation
import TestSupport

/// Gives the product inputs that nobody would make on purpose: `Tests/fuzz`.
@main
struct Fuzzing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz", abstract: "Give readers and jobs inputs that are damaged, random or made to do harm.",
        subcommands: [ReaderFuzzing.self, JobFuzzing.self], defaultSubcommand: ReaderFuzzing.self)
}

/// The inputs or jobs that are tried, and where the bad ones stay.
struct FuzzingDraws: ParsableArguments {
    @Option(help: "The key of the draws.")
    var seed: UInt64 = 1

    @Option(help: "Inputs for each reader; jobs.")
    var count = 2000

    @Option(help: "The number of the first input or job, from 0.")
    var first = 0

    @Option(help: "The folder for inputs that lead to crashes, and for jobs that fail.")
    var crashes = "fuzz-crashes"

    /// The numbers of the inputs.
    var numbers: Range<Int> { first..<first + count }
}

/// Changes good inputs of the readers in many ways, and sees that they end in a result or a good sentence.
struct ReaderFuzzing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readers", abstract: "Give the readers files and texts that are damaged or made to do harm.",
        discussion: """
            The inputs are drawn from a seed, so that a number names one. Workers that crash are replaced; the input \
            goes into a file. Ends with exit code 1 where one crashed in our own code, took longer than 20 s, or more \
            than 4 GiB.
            """)

    @Argument(help: "The readers; all if none is given: \(Target.all.map(\.name).joined(separator: ", ")).")
    var targets: [String] = []

    @OptionGroup var draws: FuzzingDraws

    @Option(
        help: ArgumentHelp("Read the inputs in this process and write the number of each to FILE.", visibility: .hidden)
    )
    var worker: String?

    @Option(help: ArgumentHelp("Read files in this process.", valueName: "FILE"))
    var replay: [String] = []

    func run() throws {
        let targets = try self.targets.isEmpty ? Target.all : self.targets.map(Target.named)
        if let worker { return try work(targets[0], worker) }
        if !replay.isEmpty {
            for path in replay { targets[0].run([UInt8](FileManager.default.contents(atPath: path) ?? Data())) }
            return
        }
        var failed = false
        for target in targets where try fuzz(target) > 0 { failed = true }
        if failed { throw ArgumentParser.ExitCode(1) }
    }

    private func input(_ target: Target, _ seeds: [[UInt8]], _ number: Int) -> [UInt8] {
        var mutation = Mutation(seed: draws.seed, number: number, words: target.words)
        return mutation.input(of: seeds)
    }

    /// Reads the inputs one by one.
    private func work(_ target: Target, _ progress: String) throws {
        for (resource, value) in [(RLIMIT_AS, rlim_t(4 << 30)), (RLIMIT_CORE, 0)] as [(__rlimit_resource, rlim_t)] {
            var limit = rlimit(rlim_cur: value, rlim_max: value)
            setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
        }
        defer { try? FileManager.default.removeItem(atPath: Workplace.folder) }
        let file = open(progress, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        let seeds = try target.seeds()
        for number in draws.numbers {
            var current = number
            pwrite(file, &current, MemoryLayout<Int>.size, 0)
            // 20 s of work: other processes may take the cores meanwhile.
            var limit = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: 20, tv_usec: 0))
            setitimer(__itimer_which_t(ITIMER_VIRTUAL.rawValue), &limit, nil)
            target.run(input(target, seeds, number))
        }
    }

    /// Has workers read all inputs, and returns how often our own code failed.
    private func fuzz(_ target: Target) throws -> Int {
        try TemporaryFile.withFolder { try fuzz(target, progress: $0 + "/progress") }
    }

    private func fuzz(_ target: Target, progress: String) throws -> Int {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let seeds = try target.seeds()
        let start = ContinuousClock.now
        var failures = 0
        var inLibrary = 0
        var next = draws.first
        while draws.numbers.contains(next) {
            let result = try spawn(
                path: program,
                arguments: [
                    target.name, "--seed", "\(draws.seed)", "--first", "\(next)", "--count",
                    "\(draws.numbers.upperBound - next)",
                    "--worker",
                    progress,
                ]
            ).wait(timeout: .infinity)
            if result.status == 0 { break }
            let bytes = FileManager.default.contents(atPath: progress) ?? Data()
            guard bytes.count == MemoryLayout<Int>.size else { throw Failure(.software, result.errors) }
            let number = bytes.withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
            next = number + 1
            // A trap of Swift's is one of our own.
            if target.mayCrashInLibrary, [SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGVTALRM].contains(result.status - 128),
                !result.errors.contains("Fatal error")
            {
                inLibrary += 1
                continue
            }
            failures += 1
            try FileManager.default.makeDirectory(draws.crashes)
            let path = "\(draws.crashes)/\(target.name)-\(draws.seed)-\(number)"
            try AtomicFile.write(input(target, seeds, number), to: path)
            print("\(target.name): exit code \(result.status) by \(path): \(result.errors.prefix(300))")
            if failures == 20 { break }
        }
        let rate = Int(Double(draws.count) / seconds(since: start))
        let library = target.mayCrashInLibrary ? ", \(inLibrary) crashes or endless loops in libhdf5" : ""
        print("\(target.name): \(draws.count) inputs, \(failures) failures\(library), \(rate) a second")
        fflush(nil)
        return failures
    }
}
