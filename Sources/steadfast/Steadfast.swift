import ArgumentParser
import Checkpoints
import Essentials
import Foundation

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
            try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(failure.message)\n".utf8))
            Foundation.exit(failure.code.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
