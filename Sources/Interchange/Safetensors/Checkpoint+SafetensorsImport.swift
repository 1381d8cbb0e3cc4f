import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Kernels
import Networks

extension Checkpoint {
    /// A network and the recipe that says it, in YAML, with a factor on the image less its mean, one number or one a
    /// channel, and with batch norm's epsilon where the recipe states none; nil for the recipe's own.
    public typealias DescribedNetwork = (
        _ inputScale: [Double]?, _ stabilizer: Double?
    ) throws -> (network: Network, recipe: String)

    /// Makes a checkpoint of step 0 of a network and a file of the format safetensors with its parameters.
    ///
    /// The network takes (pixel / 255 - mean) / deviation, as the settings say, and has PyTorch's 1e-5 as batch norm's
    /// epsilon where its recipe states none. A file that steadfast exported holds its mean image, and is as its recipe
    /// says. The file is not trusted: it is read in a child process first where `UntrustedDecoder.command` is set.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - map: modules of the file by layer, where they are not to be guessed.
    ///   - settings: the data set and the units of the inputs.
    ///   - describe: gives the network.
    /// - Returns: the checkpoint, and which tensors were taken for which layers.
    /// - Throws: `Failure` 64 or 65 in one sentence that names the file and each layer without one fitting module; 64
    ///   where steadfast exported it and the settings say other units; 66 or 74 where the file cannot be read; what
    ///   `describe` throws.
    public static func imported(
        safetensors path: String, map: [(layer: String, module: String)] = [], _ settings: ImportSettings,
        describe: DescribedNetwork
    ) throws -> (checkpoint: Checkpoint, map: TensorMap) {
        try UntrustedDecoder.tryInChild(path, format: SafetensorsFormat.name)
        do {
            return try imported(
                safetensors: try SafetensorsFormat.bytes(path), path: path, map: map, settings, describe: describe)
        } catch let failure as Failure where failure.code == .data {
            throw Failure(.data, "\(path): \(failure.message)")
        }
    }

    /// Imports a file's bytes; the sentence of a failure is a sentence's end.
    package static func imported(
        safetensors bytes: [UInt8], path: String, map given: [(layer: String, module: String)] = [],
        _ settings: ImportSettings, describe: DescribedNetwork
    ) throws -> (checkpoint: Checkpoint, map: TensorMap) {
        let file = try SafetensorsFile(bytes)
        let isOurs = file.entries[TensorMap.meanImage] != nil
        if isOurs { try settings.requireNoUnits(beside: path) }
        let (network, recipe) =
            isOurs ? try describe(nil, nil) : try describe(settings.deviation.map { 1 / (255 * $0) }, 1e-5)
        let plan = try NetworkPlan(network)
        let map = try TensorMap(file, plan, given: given)
        var tensors: [String: Tensor] = [:]
        for entry in map.entries {
            for (parameter, tensor) in entry.tensors {
                tensors[CheckpointLayout.parameter(entry.layer, parameter.name)] = Tensor(
                    shape: parameter.shape, try file.floats(tensor))
            }
        }
        let shape = network.input
        var meanImage = (0..<shape.count).map { Float(255 * settings.mean[$0 % shape.channels % settings.mean.count]) }
        if let entry = file.entries[TensorMap.meanImage] {
            guard entry.shape == [shape.channels, shape.height, shape.width] else {
                throw Failure(.data, "its mean image has the shape \(entry.shape) for images of \(shape)")
            }
            let planes = try file.floats(TensorMap.meanImage)
            meanImage = (0..<shape.count).map { planes[$0 % shape.channels * shape.area + $0 / shape.channels] }
        }
        let header = CheckpointHeader(
            productVersion: Product.version, step: 0, epoch: 0, seed: 0, lanes: 1, worldSize: 1, variant: "imported",
            dataset: settings.dataset, datasetDigest: settings.datasetDigest, classes: settings.classes,
            recipe: recipe, network: network.json, created: Date.now.formatted(.iso8601),
            classNames: settings.classNames, sourceFile: (path as NSString).lastPathComponent,
            sourceDigest: bytes.withUnsafeBytes { Digest.of($0) }.hexadecimal)
        var checkpoint = Checkpoint(header: header, tensors: tensors)
        // Checks all shapes, and adds what a checkpoint has beside parameters.
        checkpoint.store(try checkpoint.model(), meanImage: meanImage)
        return (checkpoint, map)
    }
}
