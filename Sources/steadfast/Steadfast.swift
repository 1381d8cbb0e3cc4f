import ArgumentParser
import Checkpoints
import Essentials
import Foundation
import HDF5Files
import MessagePassing

/// A subcommand that all ranks run together.
protocol CollectiveCommand: ParsableCommand {}

/// The command.
@main
struct Steadfast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steadfast",
        abstract: "Trains robust CNNs data-parallel over MPI, and finds out honestly how robust they are.",
        version: Product.version,
        subcommands: [
            TrainCommand.self, ReplayCommand.self, EvaluateCommand.self, DataCommand.self, InspectCommand.self,
            ExportCommand.self, ImportCommand.self, RunsCommand.self, RecipeCommand.self, BenchmarkCommand.self,
            ReportCommand.self, ReproduceCommand.self, DoctorCommand.self,
            DecodeUntrustedCommand.self,
        ])

    static func main() {
        let rank = Communicator.launchedRank
        do {
            try CPU.requireInstructionSet()
            UntrustedDecoder.command = ["/proc/self/exe", DecodeUntrustedCommand._commandName]
            var command = try parseAsRoot()
            // What needs no ranks is done by one.
            guard rank == 0 || command is any CollectiveCommand else { return }
            try command.run()
        } catch let failure as Failure {
            let place = Communicator.isUnderMpirun ? "rank \(rank) on \(ProcessInfo.processInfo.hostName): " : ""
            try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(place)\(failure.message)\n".utf8))
            Foundation.exit(failure.code.rawValue)
        } catch {
            // The command line is the same on all ranks, and so is what is wrong with it: rank 0 says it. The others leave a
            // while later, since mpirun ends all as soon as one leaves with a code.
            guard rank == 0 else {
                if !exitCode(for: error).isSuccess { sleep(1) }
                Foundation.exit(exitCode(for: error).rawValue)
            }
            exit(withError: error)
        }
    }
}
