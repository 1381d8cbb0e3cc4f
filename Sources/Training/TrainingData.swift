import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks

/// What a rank holds of a data set: the training images of its lanes, its share of the validation images, the mean image.
struct TrainingData {
    let network: Network
    let plan: LanePlan
    let source: SampleSource
    /// This rank's share of the validation split; nil without one.
    let validation: ImageSet?
    let validationCount: Int
    /// SHA-256 of the training split's content.
    let digest: String
    let isOfficial: Bool?

    /// Reads the rank's share. Collective: every rank of the communicator calls this.
    init(_ recipe: Recipe, _ dataset: Dataset, network: Network, communicator: Communicator) throws {
        let description = dataset.description
        let shape = description.shape
        let splits = Splits(trainCount: description.trainCount, validation: recipe.validation, seed: recipe.seed)
        let drawn = (recipe.meanTraining?.samples ?? 0) + (recipe.meanTraining?.noiseSamples ?? 0)
        let plan = LanePlan(
            samples: splits.train.count + drawn, batch: recipe.passBatch, lanes: recipe.lanes, seed: recipe.seed)
        let lanes = LaneTree(lanes: recipe.lanes).lanes(ofRank: communicator.rank, of: communicator.worldSize)

        var keep = [Bool](repeating: false, count: description.trainCount)
        for lane in lanes {
            for id in plan.owned(lane: lane) where Int(id) < splits.train.count {
                keep[Int(splits.train[Int(id)])] = true
            }
        }
        let images = try communicator.agree { try dataset.read(.train) { keep[$0] } }
        var sums = PixelSums(shape: shape)
        sums.add(images)
        try sums.sums.withUnsafeMutableBufferPointer { try communicator.allReduce($0, .sum) }
        let mean =
            switch recipe.meanImage {
            case .training: meanImage(sums: sums.sums, count: splits.train.count)
            case .zero: [Float](repeating: 0, count: shape.count)
            }

        validationCount = splits.validation.count
        let (rank, ranks) = (communicator.rank, communicator.worldSize)
        let share = splits.validation[rank * validationCount / ranks..<(rank + 1) * validationCount / ranks]
        let wanted = Set(share.map { Int($0) })
        validation =
            splits.validation.isEmpty
            ? nil : try communicator.agree { try dataset.read(.train) { wanted.contains($0) } }
        self.network = network
        self.plan = plan
        source = SampleSource(
            images: images, trainIndices: splits.train, classes: description.classes, meanImage: mean,
            seed: recipe.seed, meanTraining: recipe.meanTraining, randomTraining: recipe.randomTraining,
            mirroring: recipe.mirroring)
        digest = images.contentDigest
        isOfficial = images.isOfficial
    }
}

extension Recipe {
    /// The images of one pass: the global batch, or its part where a step accumulates several passes.
    var passBatch: Int { batch / accumulation }
}
