import ArgumentParser
import Checkpoints
import Datasets
import HDF5Files
import Interchange

/// `steadfast inspect`.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what a checkpoint holds, verified whole.")

    @Argument(help: "A checkpoint, or a run directory (its latest checkpoint).", completion: .file())
    var file: String

    @OptionGroup var choice: CheckpointChoice

    @Flag(help: "Print only the SHA-256 over /model, /optimizer and /input: equal for equal training.")
    var digest = false

    @Flag(help: "Print only the recipe that it was trained by, or that describes an imported network.")
    var recipe = false

    func validate() throws {
        guard !digest || !recipe else { throw ValidationError("--digest and --recipe do not go together") }
    }

    func run() throws {
        let checkpoint = try choice.load(file)
        if recipe { return print(checkpoint.header.recipe, terminator: "") }
        print(digest ? checkpoint.trainingDigest : checkpoint.describe())
    }
}

/// Decodes a file in a process of its own, whose crash is only an error to its parent.
struct DecodeUntrustedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "decode-untrusted", shouldDisplay: false)

    @Option(help: "The file's format: onnx, safetensors; else HDF5.")
    var format: String?

    @Flag(help: "Print the index of an HDF5 file.")
    var index = false

    @Flag(help: "Print the pixels of the pictures that standard input names.")
    var pictures = false

    @Argument(help: "The file.")
    var file = ""

    func run() throws {
        if pictures { throw ExitCode(PictureDecoder.run()) }
        if index { throw ExitCode(UntrustedDecoder.runIndex(file)) }
        if let format = format.flatMap(ForeignFormats.named) {
            throw ExitCode(UntrustedDecoder.run(file, decode: format.decode))
        }
        throw ExitCode(UntrustedDecoder.run(file))
    }
}
