import ArgumentParser
import Essentials
import Foundation

/// The command.
@main
struct Steadfast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steadfast",
        abstract: "Trains robust CNNs data-parallel over MPI, and finds out honestly how robust they are.",
        version: Product.version, subcommands: [TrainCommand.self])

    static func main() {
        do {
            try CPU.requireInstructionSet()
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
