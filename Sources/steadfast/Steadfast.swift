import ArgumentParser
import Checkpoints
import Essentials
import Foundation
import HDF5Files
import MessagePassing

/// A subcommand that all ranks run together.
protocol CollectiveCommand: ParsableCommand {}

extension CollectiveCommand {
    /// Runs the work on all ranks, which have 300 s to come together, and as many to end. What it does between, the
    /// work watches itself.
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
        do {
            try CPU.requireInstructionSet()
            UntrustedDecoder.command = ["/proc/self/exe", DecodeUntrustedCommand._commandName]
            var command = try parseAsRoot(try arguments())
            // What needs no ranks is done by one; a child of any rank decodes for it.
            guard rank == 0 || command is any CollectiveCommand || command is DecodeUntrustedCommand else { return }
            try command.run()
        } catch let failure as Failure {
            let place = Communicator.isUnderMpirun ? "rank \(rank) on \(ProcessInfo.processInfo.hostName): " : ""
            try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(place)\(failure.message)\n".utf8))
            Foundation.exit(failure.code.rawValue)
        } catch {
            // The command line is the same on all ranks, and so is what is wrong with it: rank 0 says it. The others
            // leave a while later, since mpirun ends all as soon as one leaves with a code.
            guard rank == 0 else {
                if !exitCode(for: error).isSuccess { sleep(1) }
                Foundation.exit(exitCode(for: error).rawValue)
            }
            exit(withError: error)
        }
    }

    /// The words of the command line, `~` of `--option=~/path` expanded as the shell does for a word of its own.
    ///
    /// - Throws: `Failure` 64 for a word that is not UTF-8, and for a command that is none; 69 without /proc.
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
        let words = CommandLine.arguments.dropFirst().map { word -> String in
            guard word.hasPrefix("--"), let range = word.range(of: "=~") else { return word }
            let path = word[range.upperBound...]
            return path.isEmpty || path.hasPrefix("/") ? word[..<range.lowerBound] + "=" + homeDirectory() + path : word
        }
        let commands = configuration.subcommands.map { $0._commandName } + ["help"]
        if let word = words.first, !word.hasPrefix("-"), !commands.contains(word) {
            let shown = configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
            throw Failure(.usage, unknownName("command", word, among: shown))
        }
        return words
    }
}
