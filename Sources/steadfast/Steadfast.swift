import ArgumentParser
import Checkpoints
import Essentials
import Foundation
import MessagePassing

/// The command.
@main
struct Steadfast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steadfast",
        abstract: "Trains robust CNNs data-parallel over MPI, and finds out honestly how robust they are.",
        version: Product.version,
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, DataCommand.self, InspectCommand.self, DecodeUntrustedCommand.self,
        ])

    static func main() {
        do {
            try CPU.requireInstructionSet()
            UntrustedDecoder.command = ["/proc/self/exe", DecodeUntrustedCommand._commandName]
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            leaveTheWordToRankZero(failure.code.rawValue)
            try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(failure.message)\n".utf8))
            Foundation.exit(failure.code.rawValue)
        } catch {
            if !exitCode(for: error).isSuccess { leaveTheWordToRankZero(exitCode(for: error).rawValue) }
            exit(withError: error)
        }
    }

    /// Ends a rank other than 0, which fails alike: a while later, since mpirun ends all as soon as one leaves with a code.
    private static func leaveTheWordToRankZero(_ code: Int32) {
        guard Communicator.launchedRank > 0 else { return }
        sleep(1)
        Foundation.exit(code)
    }
}
