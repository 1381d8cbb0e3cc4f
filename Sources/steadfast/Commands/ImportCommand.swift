import ArgumentParser
import Checkpoints
import Datasets
import Essentials
import Foundation
import Interchange
import Kernels
import MessagePassing
import Recipes

/// The data set and the units of the inputs of a network that comes from another program.
struct ImportOptions: ParsableArguments {
    @Option(
        help: """
            The mean of the network's inputs (pixel / 255 - mean) / deviation: one number, or one a channel. Default: \
            0.
            """)
    var mean: String?

    @Option(help: "The deviation of the network's inputs: one number, or one a channel. Default: 1.")
    var deviation: String?

    /// The settings of an import.
    ///
    /// - Throws: `Failure` 64 where the data set is not known or the numbers are none, 66 where a folder's data is not
    ///   there.
    func settings(dataset: String, directory: String?) throws -> ImportSettings {
        let found = try? Dataset.locate(dataset, directory: directory)
        let (image, classes, names): (ImageShape, Int, [String]?)
        if let found {
            let description = found.description
            (image, classes, names) = (description.shape, description.classes, description.namedClasses)
        } else if let known = Dataset.published(dataset) {
            (image, classes, names) = known
        } else {
            // Says where it was looked for.
            _ = try Dataset.locate(dataset, directory: directory)
            throw Failure(.noInput, "data set '\(dataset)' not found")
        }
        var settings = try ImportSettings(
            dataset: dataset, image: image, classes: classes,
            mean: try mean.map { try numbers("mean", $0) },
            deviation: try deviation.map { try numbers("deviation", $0) })
        settings.classNames = names
        settings.datasetDigest = try found?.readThrough(.train, onImage: Progress.beat).contentDigest ?? ""
        return settings
    }

    /// True where a network is a file of the format ONNX, false where it is a checkpoint or a run.
    static func isForeign(_ network: String) -> Bool { network.hasSuffix(".onnx") }

    /// What a network of the format ONNX becomes.
    ///
    /// - Throws: `Failure` 64 without a data set; as ``settings(dataset:directory:)`` and the import.
    func imported(_ network: String, dataset: String?, directory: String?) throws -> Checkpoint {
        guard let dataset else { throw Failure(.usage, "\(network) is of the format ONNX: say its --dataset") }
        return try Checkpoint.imported(onnx: network, try settings(dataset: dataset, directory: directory))
    }

    /// Refuses options that no network takes: units of inputs where all networks are checkpoints, the best checkpoint
    /// of a file of the format ONNX.
    ///
    /// - Throws: `Failure` 64 naming the option and the network.
    func check(_ networks: [String], _ choice: CheckpointChoice) throws {
        let files = networks.filter(Self.isForeign)
        for file in files { _ = try RunDirectory.checkpointFile(file, best: choice.best) }
        guard files.isEmpty, let network = networks.first else { return }
        for (name, value) in [("mean", mean), ("deviation", deviation)] where value != nil {
            throw Self.misplaced(name, network)
        }
    }

    /// The refusal of an option that is for networks of the format ONNX.
    static func misplaced(_ option: String, _ network: String) -> Failure {
        Failure(.usage, "--\(option) is for networks of the format ONNX, and \(network) is a checkpoint")
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
            FILE.safetensors holds parameters: --recipe says the network. Tensors find their layers by names, else by \
            shapes and order, which is shown; --map names them.
            """)

    @Argument(
        help: "A network of the format ONNX, operator sets 7 to 22, or parameters of the format safetensors.",
        completion: .file(extensions: ["onnx", "safetensors"]))
    var file: String

    @Option(
        help: "The data set that the network is for: its images' shape and classes. Default: the recipe's.",
        completion: .datasets)
    var dataset: String?

    @OptionGroup var options: ImportOptions

    @Option(help: "For safetensors: the recipe that says the network, a name or a path.", completion: .recipes)
    var recipe: String?

    @Option(
        parsing: .upToNextOption,
        help: "For safetensors: LAYER=NAME ..., the beginning of the names of a layer's tensors, conv1=features.0.")
    var map: [String] = []

    @Option(
        help: """
            For safetensors: batch norm's epsilon. Default: the recipe's network.stabilizer, else 1e-5, PyTorch's, or \
            1e-4 for an own export.
            """)
    var epsilon: Double?

    @Option(help: "The checkpoint to write.", completion: .file())
    var output: String

    @OptionGroup var location: DataLocation

    func run() throws {
        let checkpoint = file.hasSuffix(".safetensors") ? try safetensors() : try onnx()
        try checkpoint.save(to: output)
        let network = try checkpoint.network()
        print("\(output): \(network.layers.count) layers on images of \(network.input), \(network.classes) classes")
    }

    private func onnx() throws -> Checkpoint {
        guard recipe == nil, map.isEmpty, epsilon == nil else {
            throw Failure(.usage, "--recipe, --map and --epsilon are for files of the format safetensors")
        }
        guard let dataset else { throw Failure(.usage, "\(file): say the --dataset that the network is for") }
        return try Checkpoint.imported(
            onnx: file, try options.settings(dataset: dataset, directory: location.dataDirectory))
    }

    private func safetensors() throws -> Checkpoint {
        guard let recipe else {
            throw Failure(.usage, "\(file) holds parameters alone: say the --recipe that describes the network")
        }
        let pairs = try map.map { text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw Failure(.usage, "--map \(text): it takes LAYER=NAME") }
            return (layer: parts[0], module: parts[1])
        }
        if let epsilon, !(epsilon > 0 && epsilon <= 1e6) {
            throw Failure(.usage, "--epsilon has to be above 0, and at most 1e6")
        }
        let loaded = try Recipe.load(recipe, overrides: [])
        let settings = try options.settings(dataset: dataset ?? loaded.dataset, directory: location.dataDirectory)
        let imported = try Checkpoint.imported(safetensors: file, map: pairs, settings) { scale, stabilizer in
            var recipe = loaded
            recipe.dataset = settings.dataset
            recipe.inputScale = scale ?? recipe.inputScale
            recipe.network.stabilizer = epsilon ?? recipe.network.stabilizer ?? stabilizer
            return (try recipe.network(input: settings.image, classes: settings.classes), recipe.importedYAML)
        }
        let rows = imported.map.entries.map { [$0.layer, $0.module, $0.reason.rawValue] }
        print(textTable([["layer", "tensors", "found"]] + rows).joined(separator: "\n"))
        if !imported.map.rest.isEmpty {
            print("not taken: \(imported.map.rest.joined(separator: ", "))")
        }
        return imported.checkpoint
    }
}
