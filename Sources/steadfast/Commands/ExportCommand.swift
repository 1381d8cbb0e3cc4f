import ArgumentParser
import Checkpoints
import Interchange
import Essentials
import Foundation

/// The formats that `steadfast export` writes.
enum ExportFormat: String, CaseIterable, ExpressibleByArgument {
    /// The checkpoint without what only resuming needs: a network to ship.
    case checkpoint
    /// The network's tensors in the format safetensors.
    case safetensors
    /// The network, from pixels to logits, in the format ONNX.
    case onnx
}

/// `steadfast export`.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a trained network to be given away, without the optimiser's state.",
        discussion: """
            An ONNX model takes `pixels`, [images, channels, height, width] in 0..255, and gives `logits` (of a robust \
            network -z^2) and `confidence`. Outputs behind the classes stand for nonsense.
            """)

    @Argument(help: "A checkpoint, or a run directory (its latest checkpoint).", completion: .file())
    var checkpoint: String

    @OptionGroup var choice: CheckpointChoice

    @Option(help: "The format: checkpoint, safetensors or onnx.")
    var format: ExportFormat

    @Option(help: "The file to write.", completion: .file())
    var output: String

    func run() throws {
        var network = try choice.load(checkpoint)
        switch format {
        case .checkpoint:
            network.tensors = network.tensors.filter { path, _ in
                CheckpointLayout.usable.contains { $0.contains(path) }
            }
            try network.save(to: output)
        case .safetensors: try AtomicFile.write(try network.safetensors(), to: output)
        case .onnx: try AtomicFile.write(try network.onnx(), to: output)
        }
    }
}
