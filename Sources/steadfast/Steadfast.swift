import ArgumentParser
import Checkpoints
import Essentials
@preconcurrency import Foundation
import HDF5Files
import MessagePassing

/// A subcommand that all ranks run together.
protocol CollectiveCommand: ParsableCommand {}

extension CollectiveCommand {
    /// Runs the work on all ranks, which have 300 s to come together, and as many to end; what it does between is not
    /// watched here.
    static func onAllRanks(_ work: (Communicator) throws -> Void) -> Never {
        Communicator.main(deadline: 300, isResumable: false) { world in
            try world.barrier()
            JobDeadline.callOff()
            try work(world)
        }
    }
}

/// The command.
@main
struct Steadfast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steadfast",
        abstract: "Trains robust CNNs data-parallel over MPI, and finds out honestly how robust they are.",
        version: Product.version,
        subcommands: [
            TrainCommand.self, SweepCommand.self, ReplayCommand.self, EvaluateCommand.self, PredictCommand.self,
            DataCommand.self, InspectCommand.self,
            ExportCommand.self, ImportCommand.self, RunsCommand.self, RecipeCommand.self, BenchmarkCommand.self,
            ReportCommand.self, ReproduceCommand.self, DoctorCommand.self,
            CompletionCommand.self, ManualCommand.self, DecodeUntrustedCommand.self,
        ])

    static func main() {
        let rank = Communicator.launchedRank
        // Output that nobody reads is dropped, and a file beyond its limit is an error of the write.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        var words: [String] = []
        do { words = try arguments() } catch {
            let failure = Failure(error)
            leave(rank, failure.code.rawValue) { Console.say((rank > 0 ? place(rank) : "") + failure.message) }
        }
        do {
            try CPU.requireInstructionSet()
            UntrustedDecoder.command = ["/proc/self/exe", DecodeUntrustedCommand._commandName]
            var command = try parseAsRoot(words)
            // What needs no ranks is done by one; a child of any rank decodes for it.
            guard rank == 0 || command is any CollectiveCommand || command is DecodeUntrustedCommand else { return }
            try command.run()
            // What a full disk kept back, at the end or before; a reader of a pipe may have seen enough.
            guard fflush(stdout) == 0 && ferror(stdout) == 0 || errno == EPIPE else {
                throw systemFailure(.inputOutput, "write to", "standard output")
            }
        } catch let failure as Failure {
            Console.say((Communicator.isUnderMpirun ? place(rank) : "") + failure.message)
            Foundation.exit(failure.code.rawValue)
        } catch {
            leave(rank, exitCode(for: error).rawValue) { exit(withError: error) }
        }
    }

    /// Ends for what is wrong with the command line, most often the same on all ranks: rank 0 says it. The others do so
    /// a while later, since mpirun ends all as soon as one leaves with a code.
    private static func leave(_ rank: Int, _ code: Int32, _ say: () -> Void) -> Never {
        if rank > 0 && code != 0 { sleep(3) }
        if rank == 0 || code != 0 { say() }
        Foundation.exit(code)
    }

    private static func place(_ rank: Int) -> String { "rank \(rank) on \(ProcessInfo.processInfo.hostName): " }

    /// The words of the command line, `~` of `--option=~/path` expanded as the shell does for a word of its own.
    ///
    /// - Throws: `Failure` 64 for what is not UTF-8, of the command line or of a path in the environment, and for a
    ///   command that is none; 69 without /proc.
    private static func arguments() throws -> [String] {
        guard access("/proc/self/cmdline", R_OK) == 0 else {
            throw Failure(.unavailable, "/proc is missing, by which a program knows its command line: mount it")
        }
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let bytes = CommandLine.unsafeArgv[index], String(validatingCString: bytes) == nil else { continue }
            throw Failure(
                .usage,
                "'\(String(cString: bytes))' is not UTF-8: rename it, or reach it by a symbolic link")
        }
        for name in ["HOME", "TMPDIR", "STEADFAST_DATA", "STEADFAST_RECIPES"] {
            guard let bytes = getenv(name), String(validatingCString: bytes) == nil else { continue }
            throw Failure(
                .usage,
                "the environment's \(name), '\(String(cString: bytes))', is not UTF-8: reach it by a symbolic link")
        }
        let words = CommandLine.arguments.dropFirst().map { word -> String in
            guard word.hasPrefix("--"), let range = word.range(of: "=~") else { return word }
            return word[...range.lowerBound] + String(word[range.lowerBound...].dropFirst()).expandingHome
        }
        try requireCommands(words[words.first == "help" ? 1... : 0...])
        return words
    }

    /// Refuses a word that stands where a command has to, or a subcommand of one, and is none.
    private static func requireCommands(_ words: ArraySlice<String>) throws {
        var command: any ParsableCommand.Type = Self.self
        for word in words where !command.configuration.subcommands.isEmpty {
            guard !word.hasPrefix("-") else { return }
            let known = command.configuration.subcommands
            guard let next = known.first(where: { $0._commandName == word }) else {
                guard word != "help" else { return }
                let shown = known.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let kind = command == Self.self ? "command" : "subcommand of \(command._commandName)"
                throw Failure(.usage, unknownName(kind, word, among: shown))
            }
            command = next
        }
    }
}
