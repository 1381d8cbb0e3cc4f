import DataFeed
import Datasets
import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes
import Robustness

/// A rank's part of a data set: the training images of its lanes, or with its host's ranks those of all lanes; its
/// share of the validation images; the mean image.
struct TrainingData {
    let network: Network
    let plan: LanePlan
    /// Who holds which lanes.
    let assignment: LaneAssignment
    let source: SampleSource
    /// Where the images come from where they pass through memory; nil where they are kept.
    let stream: ImageStream?
    /// This rank's share of the validation split; nil without one.
    let validation: ImageSet?
    let validationCount: Int
    /// The set's shape, counts and notes.
    let description: DatasetDescription
    /// SHA-256 of the training split's content.
    let digest: String
    let isOfficial: Bool?
    /// The file index of each sample id of an image, ascending.
    private let trainIndices: [Int32]
    private let recipe: Recipe
    private let classes: Int

    /// Reads the rank's share. Collective: every rank of the communicator calls this.
    ///
    /// - Parameter initialMean: the mean image of the network that the run starts from; empty without one.
    /// - Throws: `Failure` 65 where that is of images of another size; else as the data set does.
    init(
        _ recipe: Recipe, _ dataset: HostDataset, network: Network, initialMean: [Float], communicator: Communicator
    ) throws {
        guard recipe.meanImage != .initial || initialMean.count == dataset.description.shape.count else {
            throw Failure(
                .data,
                "the network in initial_weights takes images of \(initialMean.count) numbers, those of "
                    + "\(dataset.description.name) have \(dataset.description.shape.count)")
        }
        description = dataset.description
        let shape = description.shape
        let splits = try dataset.splits(
            validation: recipe.validation, rule: recipe.validationSplit, seed: recipe.seed)
        let drawn = recipe.meanTraining?.drawnSamples ?? 0
        let windows = recipe.windows(of: description, splits)
        let plan = LanePlan(
            samples: splits.train.count + drawn, batch: recipe.passBatch, lanes: recipe.lanes, seed: recipe.seed,
            windows: windows)
        let assignment = LaneAssignment(lanes: recipe.lanes, ranks: communicator.worldSize)
        let lanes = assignment[communicator.rank]

        var trains = [Bool](repeating: false, count: description.trainCount)
        // With windows a host's ranks have all images, and none of its own.
        for lane in windows == nil ? lanes : 0..<0 {
            for id in plan.owned(lane: lane) where Int(id) < splits.train.count {
                trains[Int(splits.train[Int(id)])] = true
            }
        }
        validationCount = splits.validation.count
        let (rank, ranks) = (communicator.rank, communicator.worldSize)
        var validates = [Bool](repeating: false, count: description.trainCount)
        for index in splits.validation[rank * validationCount / ranks..<(rank + 1) * validationCount / ranks] {
            validates[Int(index)] = true
        }
        let images, held: ImageSet
        var stream: ImageStream?
        switch recipe.dataSharing {
        case .stream where windows != nil:
            stream = try windows.map { try dataset.stream($0) }
            held = try dataset.read(.train, wanted: validates)
            images = held.filter { _ in false }
        case .lanes:
            let read = try dataset.read(.train, wanted: zip(trains, validates).map { $0 || $1 })
            held = read.filter { validates[$0] }
            images = held.count == 0 ? read : read.filter { trains[$0] }
        case .node, .stream:
            var shared = [Bool](repeating: false, count: description.trainCount)
            for index in splits.train { shared[Int(index)] = true }
            (images, held) = try dataset.read(.train, shared: shared, wanted: validates)
        }
        // A file knows the sums over all its images; ranks that share images sum each a part.
        var sums = PixelSums(shape: shape)
        if stream != nil {
            sums.add(held)
        } else if windows != nil {
            let (start, end) = (rank * splits.train.count / ranks, (rank + 1) * splits.train.count / ranks)
            let own = Set(splits.train[start..<end])
            sums.add(images) { own.contains(Int32($0)) }
        } else {
            sums.add(images) { trains[$0] }
        }
        try sums.sums.withUnsafeMutableBufferPointer { try communicator.allReduce($0, .sum) }
        if let stream { for i in sums.sums.indices { sums.sums[i] = stream.pixelSums[i] - sums.sums[i] } }
        let mean =
            switch recipe.meanImage {
            case .training: meanImage(sums: sums.sums, count: splits.train.count)
            case .zero: [Float](repeating: 0, count: shape.count)
            case .initial: initialMean
            }

        validation = splits.validation.isEmpty ? nil : held
        self.network = network
        self.plan = plan
        self.assignment = assignment
        self.recipe = recipe
        classes = description.classes
        trainIndices = splits.train
        let own = Self.source(images, splits.train, classes: description.classes, meanImage: mean, recipe)
        source = stream.map { SampleSource(own, passing: $0.images, trainIndices: splits.train) } ?? own
        self.stream = stream
        digest = stream?.digest ?? images.contentDigest
        isOfficial = images.isOfficial
    }

    private static func source(
        _ images: ImageSet, _ trainIndices: [Int32], classes: Int, meanImage: [Float], _ recipe: Recipe
    ) -> SampleSource {
        SampleSource(
            images: images, trainIndices: trainIndices, classes: classes, meanImage: meanImage, seed: recipe.seed,
            meanTraining: recipe.meanTraining, randomTraining: recipe.randomTraining, mirroring: recipe.mirroring,
            shift: recipe.shift, shiftFill: recipe.shiftFill, cutout: recipe.cutout,
            cutMix: recipe.cutMix)
    }

    /// The classes that a window of the first epoch holds on average, and those that as many images drawn at random
    /// would; nil without windows.
    var classesOfWindows: (held: Double, random: Double)? {
        guard let windows = plan.windows else { return nil }
        // The class of each image of the training files, as far as it trains.
        var labels = [UInt8?](repeating: nil, count: description.trainCount)
        if let stream {
            for index in trainIndices { labels[Int(index)] = stream.images.labels[Int(index)] }
        } else {
            for (index, label) in zip(source.images.indices, source.images.labels) { labels[Int(index)] = label }
        }
        var counts = [Double](repeating: 0, count: 256)
        for case let label? in labels { counts[Int(label)] += 1 }
        let images = counts.reduce(0, +)
        let epoch = windows.epoch(0)
        var (held, random) = (0.0, 0.0)
        for window in epoch.windows {
            var seen = Set<UInt8>()
            var size = 0
            for chunk in epoch.chunks[window.chunks] {
                let first = Int(chunk) * description.chunkRows
                for case let label? in labels[first..<min(first + description.chunkRows, labels.count)] {
                    seen.insert(label)
                    size += 1
                }
            }
            held += Double(seen.count)
            for count in counts where count > 0 { random += 1 - pow(1 - count / images, Double(size)) }
        }
        return (held / Double(epoch.windows.count), random / Double(epoch.windows.count))
    }

    // MARK: Assigning lanes anew

    /// The data as another assignment has it: each rank gets the images of its new lanes from the ranks that held them,
    /// lane by lane; where hosts have all images already, none moves.
    ///
    /// Collective: every rank of the communicator calls this with the same assignment.
    func reassigned(_ new: LaneAssignment, by communicator: Communicator) throws -> TrainingData {
        if recipe.dataSharing != .lanes { return TrainingData(self, new, source) }
        let rank = communicator.rank
        let size = source.images.shape.count
        // The images of each lane that this rank is to hold: label, pixels, label, pixels, ...
        var blocks: [[UInt8]] = []
        var places: [(index: Int32, block: Int, start: Int)] = []
        for lane in 0..<assignment.lanes {
            let (from, to) = (assignment.holder(of: lane), new.holder(of: lane))
            guard rank == from || rank == to else { continue }
            let ids = plan.owned(lane: lane).filter { Int($0) < trainIndices.count }
            var bytes = [UInt8](repeating: 0, count: ids.count * (1 + size))
            if rank == from {
                for (place, id) in ids.enumerated() {
                    source.copyImage(Int(id), into: &bytes, at: place * (1 + size))
                }
            }
            if from != to {
                try bytes.withUnsafeMutableBytes { try communicator.transfer($0, from: from, to: to) }
            }
            if rank == to {
                for (place, id) in ids.enumerated() {
                    places.append((trainIndices[Int(id)], blocks.count, place * (1 + size)))
                }
                blocks.append(bytes)
            }
        }
        places.sort { $0.index < $1.index }
        return TrainingData(self, new, source(of: places, blocks))
    }

    /// The samples whose images lie in `blocks`.
    private func source(of places: [(index: Int32, block: Int, start: Int)], _ blocks: [[UInt8]]) -> SampleSource {
        let size = source.images.shape.count
        var pixels: [UInt8] = []
        pixels.reserveCapacity(places.count * size)
        for place in places { pixels += blocks[place.block][place.start + 1..<place.start + 1 + size] }
        let images = ImageSet(
            shape: source.images.shape, indices: places.map(\.index), labels: places.map { blocks[$0.block][$0.start] },
            pixels: pixels, contentDigest: source.images.contentDigest, files: source.images.files)
        return Self.source(images, trainIndices, classes: classes, meanImage: source.meanImage, recipe)
    }

    private init(_ old: TrainingData, _ assignment: LaneAssignment, _ source: SampleSource) {
        (self.assignment, self.source, stream) = (assignment, source, old.stream)
        (network, plan, digest, isOfficial) = (old.network, old.plan, old.digest, old.isOfficial)
        (validation, validationCount, description) = (old.validation, old.validationCount, old.description)
        (trainIndices, recipe, classes) = (old.trainIndices, old.recipe, old.classes)
    }
}

extension Recipe {
    /// The windows of a data set's epochs; nil where one holds all images.
    ///
    /// - Parameter splits: who trains; nil: as a validation split at random leaves it.
    func windows(of set: DatasetDescription, _ splits: Splits? = nil) -> WindowPlan? {
        guard let size = streamWindow else { return nil }
        var counts = [Int](repeating: 0, count: (set.trainCount + set.chunkRows - 1) / set.chunkRows)
        let splits = splits ?? Splits(trainCount: set.trainCount, validation: validation, seed: seed)
        for index in splits.train {
            counts[Int(index) / set.chunkRows] += 1
        }
        let plan = WindowPlan(counts: counts, drawn: meanTraining?.drawnSamples ?? 0, size: size, seed: seed)
        return plan.isWhole ? nil : plan
    }

    /// The images of one pass: the global batch, or its part where a step accumulates several passes.
    var passBatch: Int { batch / accumulation }
}
