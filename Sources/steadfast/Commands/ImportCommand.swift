import ArgumentParser
import Checkpoints
import Datasets
import Essentials
import Foundation
import Interchange
import Kernels

/// The data set and the units of the inputs of a network that comes from another program.
struct ImportOptions: ParsableArguments {
    @Option(help: "The mean of the network's inputs (pixel / 255 - mean) / deviation: one number, or one a channel.")
    var mean = "0"

    @Option(help: "The deviation of the network's inputs: one number, or one a channel.")
    var deviation = "1"

    /// The settings of an import.
    ///
    /// - Throws: `Failure` 64 where the data set is not known or the numbers are none, 66 where a folder's data is not
    ///   there.
    func settings(dataset: String, directory: String?) throws -> ImportSettings {
        let found = try? Dataset.locate(dataset, directory: directory)
        let (image, classes): (ImageShape, Int)
        if let found {
            (image, classes) = (found.description.shape, found.description.classes)
        } else if let known = Dataset.published(dataset) {
            (image, classes) = (known.shape, known.classes)
        } else {
            // Says where it was looked for.
            _ = try Dataset.locate(dataset, directory: directory)
            throw Failure(.noInput, "data set '\(dataset)' not found")
        }
        var settings = try ImportSettings(
            dataset: found?.description.name ?? dataset, image: image, classes: classes,
            mean: try numbers("mean", mean), deviation: try numbers("deviation", deviation))
        let images = try found?.stream(.train, wanted: { _ in false }, image: { _, _ in })
        settings.datasetDigest = images?.contentDigest ?? ""
        return settings
    }

    private func numbers(_ name: String, _ text: String) throws -> [Double] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            guard let value = Double(item) else {
                throw Failure(.usage, "--\(name) has '\(item)': it takes numbers, separated by commas")
            }
            return value
        }
    }
}

/// `steadfast import`.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a checkpoint of a network that another program trained.",
        discussion: """
            FILE.onnx holds a network with one input, images, and logits as its first output (or a softmax of them). A \
            model that steadfast exported keeps its own units: --mean and --deviation are for others.
            """)

    @Argument(help: "A network of the format ONNX, operator sets 7 to 22.", completion: .file(extensions: ["onnx"]))
    var file: String

    @Option(help: "The data set that the network is for: its images' shape and classes.", completion: .datasets)
    var dataset: String

    @OptionGroup var options: ImportOptions

    @Option(help: "The checkpoint to write.", completion: .file())
    var output: String

    @Option(
        help: "Where the data sets lie, one folder each. Default: $STEADFAST_DATA, then ~/.cache/steadfast.",
        completion: .directory)
    var dataDirectory: String?

    func run() throws {
        let settings = try options.settings(dataset: dataset, directory: dataDirectory)
        let checkpoint = try Checkpoint.imported(onnx: file, settings)
        try checkpoint.save(to: output)
        let network = try checkpoint.network()
        print("\(output): \(network.layers.count) layers on images of \(network.input), \(network.classes) classes")
    }
}
