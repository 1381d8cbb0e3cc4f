import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Kernels
import MessagePassing
import Networks
import Recipes

/// The state of a run between two steps, apart from the parameters and momenta.
struct TrainingState: Equatable {
    /// Steps done.
    var step = 0
    /// The sums of the epoch under way.
    var epochSums = TrainingSums()
    /// The lowest validation error so far, and the epochs behind it; nil without a validation split.
    var bestError: Double?
    /// The epochs that were done when that network was found.
    var bestEpoch = 0
}

extension Checkpoint {
    /// The checkpoint of a run at a step.
    init(
        _ recipe: Recipe, _ data: TrainingData, _ model: Model, _ optimizer: Optimizer, _ state: TrainingState,
        stepsPerEpoch: Int, worldSize: Int, initialWeightsDigest: String?
    ) {
        self.init(
            header: CheckpointHeader(
                productVersion: Product.version, step: state.step, epoch: state.step / stepsPerEpoch,
                seed: recipe.seed, lanes: recipe.lanes, worldSize: worldSize, variant: recipe.variant.rawValue,
                dataset: recipe.dataset, datasetDigest: data.digest, classes: data.network.classes,
                recipe: recipe.yaml, network: data.network.json, created: Date.now.formatted(.iso8601),
                classNames: data.description.namedClasses, initialWeightsDigest: initialWeightsDigest),
            tensors: [:])
        store(model, meanImage: data.source.meanImage)
        optimizer.store(in: &self)
        tensors[CheckpointLayout.epochSums] = Tensor(
            shape: [3], elements: .float64([state.epochSums.loss, state.epochSums.errors, state.epochSums.images]))
        tensors[CheckpointLayout.epochDrawnSums] = Tensor(
            shape: [3],
            elements: .float64([state.epochSums.drawn, state.epochSums.drawnErrors, state.epochSums.rejected]))
        tensors[CheckpointLayout.bestError] = Tensor(shape: [1], elements: .float64([state.bestError ?? .nan]))
        tensors[CheckpointLayout.bestEpoch] = Tensor(shape: [1], elements: .float64([Double(state.bestEpoch)]))
    }

    /// Takes up the checkpoint's state.
    ///
    /// - Throws: `Failure` 65 where it belongs to another network or data, or lacks the optimiser (a network that
    ///   ships).
    func resume(_ model: Model, _ optimizer: Optimizer, data: TrainingData) throws -> TrainingState {
        guard header.datasetDigest == data.digest else {
            throw Failure(
                .data,
                "\(source) was trained on data of digest \(header.datasetDigest.prefix(12)), here it is "
                    + "\(data.digest.prefix(12)): resume on the same data set")
        }
        guard tensors.keys.contains(where: CheckpointLayout.Group.optimizer.contains) else {
            throw Failure(
                .data, "\(source) holds no optimiser state (a network to use, not to resume); start a new run")
        }
        try restore(model)
        try optimizer.restore(from: self)
        let sums = try requireDoubles(CheckpointLayout.epochSums, shape: [3])
        let best = try requireDoubles(CheckpointLayout.bestError, shape: [1])[0]
        let bestEpoch = try requireDoubles(CheckpointLayout.bestEpoch, shape: [1])[0]
        let drawn = try requireDoubles(CheckpointLayout.epochDrawnSums, shape: [3])
        return TrainingState(
            step: header.step,
            epochSums: TrainingSums(
                loss: sums[0], errors: sums[1], images: sums[2], drawn: drawn[0], drawnErrors: drawn[1],
                rejected: drawn[2]),
            bestError: best.isNaN ? nil : best, bestEpoch: Int(exactly: bestEpoch) ?? 0)
    }
}

extension TrainingState {
    /// Gives all ranks rank 0's state, parameters, running moments and what the optimiser remembers. Collective.
    mutating func broadcast(_ model: Model, _ optimizer: Optimizer, by communicator: Communicator) throws {
        try model.broadcast(by: communicator)
        try optimizer.broadcast(by: communicator)
        let numbers = try communicator.broadcast([
            Double(step), epochSums.loss, epochSums.errors, epochSums.images, bestError ?? .nan,
            Double(bestEpoch), epochSums.drawn, epochSums.drawnErrors, epochSums.rejected,
        ])
        self = TrainingState(
            step: Int(numbers[0]),
            epochSums: TrainingSums(
                loss: numbers[1], errors: numbers[2], images: numbers[3], drawn: numbers[6], drawnErrors: numbers[7],
                rejected: numbers[8]),
            bestError: numbers[4].isNaN ? nil : numbers[4], bestEpoch: Int(numbers[5]))
    }
}

extension Model {
    /// Gives all ranks rank 0's parameters and running moments. Collective.
    func broadcast(by communicator: Communicator) throws {
        for buffer in [parameters, moments] { try communicator.broadcast(buffer) }
    }
}

extension Communicator {
    /// Gives all ranks rank 0's numbers. Collective.
    func broadcast(_ buffer: Buffer<Float>) throws {
        try broadcast(
            UnsafeMutableRawBufferPointer(start: buffer.pointer, count: buffer.count * MemoryLayout<Float>.stride))
    }
}
