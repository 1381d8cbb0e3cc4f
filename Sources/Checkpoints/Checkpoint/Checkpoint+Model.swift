import Essentials
import Foundation
import HDF5Files
import Kernels
import Networks

extension Checkpoint {
    /// The SHA-256 over every dataset and attribute, as the attribute `content_digest` holds it.
    public var contentDigest: String { tree.contentDigest }

    /// Stores a replica's parameters and running moments under /model, and the mean image, HWC in 0...255, under
    /// /input, where it is CHW.
    public mutating func store(_ model: Model, meanImage: [Float]) {
        for entry in model.layout.entries {
            tensors[CheckpointLayout.parameter(entry.name)] = Tensor(
                shape: entry.shape, entry.tensor(from: model.parameters.pointer))
        }
        for moments in model.layout.moments {
            let start = moments.offset
            let values = model.moments.elements
            let (middle, end) = (start + moments.channels, start + 2 * moments.channels)
            tensors[CheckpointLayout.parameter(moments.name, CheckpointLayout.runningMean)] = Tensor(
                shape: [moments.channels], Array(values[start..<middle]))
            tensors[CheckpointLayout.parameter(moments.name, CheckpointLayout.runningVariance)] = Tensor(
                shape: [moments.channels], Array(values[middle..<end]))
            groupAttributes[CheckpointLayout.layer(moments.name)] = [
                CheckpointLayout.stabilizer: model.plan.network.stabilizer
            ]
        }
        let shape = model.plan.network.input
        tensors[CheckpointLayout.meanImage] = Tensor(
            shape: [shape.channels, shape.height, shape.width], planar(meanImage, shape))
    }

    /// Reads a replica's parameters and running moments, but for those of some layers.
    ///
    /// - Throws: `Failure` 65 naming the file, the object and both shapes where this is a checkpoint of another
    ///   network;
    ///   the replica is then of no use.
    public func restore(_ model: Model, but others: [String] = []) throws {
        func isWanted(_ name: String) -> Bool { !others.contains(String(name.prefix { $0 != "/" })) }
        for entry in model.layout.entries where isWanted(entry.name) {
            entry.write(
                try requireTensor(CheckpointLayout.parameter(entry.name), shape: entry.shape),
                to: model.parameters.pointer)
        }
        for moments in model.layout.moments where isWanted(moments.name) {
            let names = [CheckpointLayout.runningMean, CheckpointLayout.runningVariance]
            for (index, name) in names.enumerated() {
                let path = CheckpointLayout.parameter(moments.name, name)
                let values = try requireTensor(path, shape: [moments.channels])
                for (i, value) in values.enumerated() {
                    model.moments.pointer[moments.offset + index * moments.channels + i] = value
                }
            }
        }
    }

    /// The mean image, HWC in 0...255.
    public func meanImage(_ shape: ImageShape) throws -> [Float] {
        interleaved(
            try requireTensor(CheckpointLayout.meanImage, shape: [shape.channels, shape.height, shape.width]), shape)
    }

    /// The network that the `network` attribute describes.
    ///
    /// - Throws: `Failure` 65 where it describes none.
    public func network() throws -> Network {
        do {
            return try JSONDecoder().decode(Network.self, from: Data(header.network.utf8))
        } catch {
            throw Failure(
                .data,
                "\(source): the attribute 'network' describes no network that this version knows; "
                    + "use a checkpoint written by steadfast")
        }
    }

    /// The replica that the checkpoint holds, ready to use.
    public func model() throws -> Model {
        do {
            let model = Model(try NetworkPlan(try network()))
            try restore(model)
            return model
        } catch let failure as Failure {
            throw Failure(.data, failure.message)
        }
    }
}

extension Network {
    /// The network as the `network` attribute of a checkpoint; equal networks give equal text.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { preconditionFailure("a network that cannot be encoded") }
        return String(decoding: data, as: UTF8.self)
    }
}

/// CHW from HWC.
private func planar(_ image: [Float], _ shape: ImageShape) -> [Float] {
    (0..<shape.channels).flatMap { c in (0..<shape.area).map { image[$0 * shape.channels + c] } }
}

/// HWC from CHW.
private func interleaved(_ image: [Float], _ shape: ImageShape) -> [Float] {
    (0..<shape.area).flatMap { p in (0..<shape.channels).map { image[$0 * shape.area + p] } }
}
