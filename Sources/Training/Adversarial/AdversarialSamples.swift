import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes
import Robustness

/// The quantity that the images are moved to maximise.
enum AdversarialGoal {
    /// The cross-entropy with the labels, on the logits (of a robust network -z^2).
    case crossEntropy(UnsafePointer<Int32>)
    /// KL(p || p(x')), p the probabilities [images, outputs] of the images unperturbed (Zhang et al. 2019).
    case divergence(UnsafePointer<Float>)
}

/// Adversarial versions of a pass's images, of the network as it is, formed by the ranks that hold the images.
package final class AdversarialSamples {
    let settings: AdversarialTraining
    /// The images that are moved, unperturbed, [images, input shape], after `begin`.
    let originals: Buffer<Float>

    private let seed: UInt64
    private let imageCount: Int
    private let propagation: Propagation
    private let box: PixelBox
    private let moments: MomentSums?
    private let signs: FastGradientSign
    private let size: Int
    /// The largest change of each pixel of an image, in 0...255, [images].
    private let radii: Buffer<Float>
    /// The images of the pass while some of them are moved, [images, input shape].
    private let batch: Buffer<Float>
    /// Which images those are, ascending, their sample ids and their labels.
    private let chosen, chosenIDs, chosenLabels: Buffer<Int32>
    /// The images of each local lane, and those of them that are moved.
    private var counts, chosenCounts: [Int]

    /// For the images in `propagation`, at most `capacity`, nonsense where the sample id is not below `imageCount`;
    /// `sums` forms batch norm's sums over all ranks.
    package init(
        _ settings: AdversarialTraining, seed: UInt64, imageCount: Int, propagation: Propagation, capacity: Int,
        meanImage: [Float], sums: any GradientReducer
    ) {
        self.settings = settings
        self.seed = seed
        self.imageCount = imageCount
        self.propagation = propagation
        size = propagation.plan.network.input.count
        originals = Buffer(capacity * size)
        box = PixelBox(meanImage: meanImage)
        moments = settings.batchNorm == .batch ? MomentSums(sums) : nil
        signs = FastGradientSign(propagation, capacity: capacity)
        radii = Buffer(capacity)
        batch = Buffer(settings.attacksAll ? 0 : capacity * size)
        (chosen, chosenIDs, chosenLabels) = (Buffer(capacity), Buffer(capacity), Buffer(capacity))
        counts = [Int](repeating: 0, count: propagation.lanes)
        chosenCounts = counts
    }

    /// The bytes that such samples take, known before any of it is taken; `size` is that of an image.
    static func memory(_ settings: AdversarialTraining, capacity: Int, size: Int) -> Double {
        let images = settings.attacksAll ? 1.0 : 2.0
        // A radius, a place, a sample id, a label and a norm each.
        return Double(capacity) * (4 * images * Double(size) + 4 * 4 + 8)
    }

    /// Notes the images of the pass as the unperturbed ones, and how far each may move: its share of the strength, and
    /// `ramp` of that. Local.
    func begin(_ ids: UnsafePointer<Int32>, epoch: Int, ramp: Double) {
        originals.pointer.update(from: propagation.input.pointer, count: propagation.images * size)
        for image in 0..<propagation.images {
            let strength = ids[image] < imageCount ? settings.strength : settings.nonsenseStrength
            radii.pointer[image] = Float(255 * ramp * strength) * draw(ids[image], epoch: epoch).reach
        }
    }

    /// The draws for an image in an epoch: whether it is replaced, the share of the strength that it may move, and
    /// the stream's numbers behind these.
    private func draw(_ id: Int32, epoch: Int) -> (isReplaced: Bool, reach: Float, random: Philox) {
        var random = Philox(seed: seed, purpose: .adversarialTraining, Int(id), epoch)
        let share = id < imageCount ? settings.share : settings.nonsenseShare
        let isReplaced = Double(random.uniform()) < share
        let reach = settings.spread > 0 ? 1 - Float(settings.spread) * random.uniform() : 1
        return (isReplaced, reach, random)
    }

    /// Replaces the share of the images that the settings name; `ids` are their sample ids, in order. Collective where
    /// batch norm uses the batch's moments.
    package func replace(_ labels: UnsafePointer<Int32>, ids: UnsafePointer<Int32>, epoch: Int, ramp: Double = 1) throws
    {
        if settings.attacksAll { return try move(labels, ids: ids, epoch: epoch, ramp: ramp) }
        let (input, images, globalImages) = (propagation.input.pointer, propagation.images, propagation.globalImages)
        batch.pointer.update(from: input, count: images * size)
        // The images that stay need not go through the network, unless the moments of all are asked for.
        choose(labels, ids: ids) { [self] in moments != nil || draw(ids[$0], epoch: epoch).isReplaced }
        propagation.begin(counts: chosenCounts, globalImages: globalImages)
        let count = propagation.images
        for k in 0..<count {
            (input + k * size).update(from: batch.pointer + Int(chosen.pointer[k]) * size, count: size)
        }
        try move(chosenLabels.pointer, ids: chosenIDs.pointer, epoch: epoch, ramp: ramp)
        for k in 0..<count where draw(chosenIDs.pointer[k], epoch: epoch).isReplaced {
            (batch.pointer + Int(chosen.pointer[k]) * size).update(from: input + k * size, count: size)
        }
        propagation.begin(counts: counts, globalImages: globalImages)
        input.update(from: batch.pointer, count: images * size)
    }

    /// Notes which images of each lane are moved.
    private func choose(
        _ labels: UnsafePointer<Int32>, ids: UnsafePointer<Int32>, where isMoved: (Int) -> Bool
    ) {
        var count = 0
        for lane in counts.indices {
            counts[lane] = propagation.count(ofLane: lane)
            let (start, before) = (propagation.start(ofLane: lane), count)
            for image in start..<start + counts[lane] where isMoved(image) {
                chosen.pointer[count] = Int32(image)
                chosenIDs.pointer[count] = ids[image]
                chosenLabels.pointer[count] = labels[image]
                count += 1
            }
            chosenCounts[lane] = count - before
        }
    }

    /// Moves all images in the propagation.
    private func move(
        _ labels: UnsafePointer<Int32>, ids: UnsafePointer<Int32>, epoch: Int, ramp: Double
    ) throws {
        begin(ids, epoch: epoch, ramp: ramp)
        guard settings.method == .fgs else {
            startAtRandom(ids, epoch: epoch)
            return try ascend(.crossEntropy(labels))
        }
        // The direction is all that is kept: the images themselves do not move while it is found.
        let (input, direction) = (propagation.input.pointer, originals.pointer)
        try signs.directions(of: labels, into: direction)
        for image in 0..<propagation.images {
            let x = input + image * size
            addScaled(x, x, direction + image * size, scale: radii.pointer[image], count: size)
        }
    }

    /// Moves each image to a point drawn uniformly from its ball. Local.
    func startAtRandom(_ ids: UnsafePointer<Int32>, epoch: Int) {
        for image in 0..<propagation.images {
            var random = draw(ids[image], epoch: epoch).random
            let x = propagation.input.pointer + image * size
            let radius = radii.pointer[image]
            for i in 0..<size { x[i] += radius * (2 * random.uniform() - 1) }
            box.clamp(x)
        }
    }

    /// Moves each image by N(0, 0.001^2) of the pixel range, where a divergence has no slope of its own. Local.
    func leaveOriginals(_ ids: UnsafePointer<Int32>, epoch: Int) {
        for image in 0..<propagation.images {
            var random = Philox(seed: seed, purpose: .adversarialTraining, Int(ids[image]), epoch)
            let x = propagation.input.pointer + image * size
            random.forEachGaussian(size) { x[$0] += 0.255 * $1 }
            box.clamp(x)
        }
    }

    /// Moves the images, from where they are, up the goal by the settings' steps. Collective where batch norm uses the
    /// batch's moments.
    func ascend(_ goal: AdversarialGoal) throws {
        for step in 0..<settings.steps {
            try propagation.forward(moments == nil ? .running : .batch, reducer: moments)
            for image in 0..<propagation.images { writeGradient(goal, image) }
            try propagation.backward(reducer: moments)
            stepAlongGradient(share: settings.stepDecay.share(step, of: settings.steps))
        }
    }

    /// One step along the sign of the propagation's input gradient, of a share of the settings' size, projected. Local.
    func stepAlongGradient(share: Double = 1) {
        for image in 0..<propagation.images {
            let radius = radii.pointer[image]
            let x = propagation.input.pointer + image * size
            box.ascend(
                x, along: propagation.inputGradient.pointer + image * size,
                length: radius * Float(settings.stepSize * share), about: originals.pointer + image * size,
                radius: radius)
        }
    }

    private func writeGradient(_ goal: AdversarialGoal, _ image: Int) {
        let (network, outputs) = (propagation.plan.network, propagation.plan.outputs)
        let z = UnsafePointer(propagation.outputs + image * outputs)
        let gradient = propagation.outputGradient + image * outputs
        switch goal {
        case .crossEntropy(let labels):
            _ = Objective.crossEntropy.value(
                z, network, outputs: outputs, label: Int(labels[image]), gradient: gradient)
        case .divergence(let probabilities):
            _ = Divergence.value(
                z, network.loss, outputs: outputs, from: probabilities + image * outputs, gradient: gradient, scale: 1)
        }
    }
}

/// Batch norm's sums over all ranks, and no parameter's gradient: for a pass that only wants the input's gradient.
private final class MomentSums: GradientReducer {
    private let reducer: any GradientReducer

    init(_ reducer: any GradientReducer) { self.reducer = reducer }

    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws {
        try reducer.sum(partials, count: count, into: total)
    }
    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? { nil }
    func finishedLane(block: Int, lane: Int) {}
    func finishedBlock(_ block: Int, gradients: ChannelGradients) {}
}
