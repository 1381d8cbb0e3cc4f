import Kernels

/// The samples of a rank: the images that it has, as bytes, and those that are drawn on the fly.
///
/// Sample ids: 0..<N the training split's images, then the mean samples, then the noise samples. What a sample is
/// depends on (seed, sample id, epoch) alone, and with a setting of batch scope on (epoch, step).
public struct SampleSource: Sendable {
    /// The images that the rank keeps; none where they pass.
    public let images: ImageSet
    /// The images that pass through memory, of which those of the ids in use are there; nil where the rank keeps its
    /// own.
    private var passing: PassingImages?
    /// N, the images of the training split over all ranks.
    public let imageCount: Int
    /// All sample ids are 0..<sampleCount.
    public let sampleCount: Int
    /// The number of classes of the data.
    public let classes: Int
    /// The mean image, HWC in 0...255.
    public let meanImage: [Float]

    private let seed: UInt64
    private let meanTraining: MeanTraining?
    private let randomTraining: RandomTraining?
    private let mirroring: Mirroring
    private let shift: Int
    private let shiftFill: ShiftFill
    private let cutout: Int
    private let cutMix: Double
    /// Where the image of a sample id lies in `images`, -1 where the rank does not keep it; its index in the files
    /// where images pass.
    private var slots: [Int32]

    /// Makes the source.
    ///
    /// - Parameters:
    ///   - images: the images that this rank keeps.
    ///   - trainIndices: the file index of each sample id of an image, ascending (`Splits.train`).
    ///   - classes: the number of classes of the data.
    ///   - meanImage: `images.shape.count` floats, HWC in 0...255.
    ///   - seed: the run's seed.
    ///   - meanTraining: the nonsense that is drawn beside the images, nil for none.
    ///   - randomTraining: the noise that is added to samples, nil for none.
    ///   - mirroring: whether samples are mirrored, each by itself or a batch as a whole.
    ///   - shift: images are moved by -shift...shift pixels down and right, anew each epoch.
    ///   - shiftFill: what they leave.
    ///   - cutout: the side of a square of each image that is the mean image, its middle anywhere in the image,
    ///     anew each epoch (DeVries & Taylor 2017); 0 for none.
    ///   - cutMix: the probability with which a box of an image is another image's (Yun et al. 2019, alpha 1: its share
    ///     of the pixels is uniform before it is clipped).
    public init(
        images: ImageSet, trainIndices: [Int32], classes: Int, meanImage: [Float], seed: UInt64,
        meanTraining: MeanTraining? = nil, randomTraining: RandomTraining? = nil, mirroring: Mirroring = .off,
        shift: Int = 0, shiftFill: ShiftFill = .mean, cutout: Int = 0, cutMix: Double = 0
    ) {
        precondition(
            meanImage.count == images.shape.count, "a mean image of \(meanImage.count) for \(images.shape) images")
        self.images = images
        passing = nil
        self.classes = classes
        self.meanImage = meanImage
        self.seed = seed
        self.meanTraining = meanTraining
        self.randomTraining = randomTraining
        self.mirroring = mirroring
        (self.shift, self.shiftFill, self.cutout, self.cutMix) = (shift, shiftFill, cutout, cutMix)
        imageCount = trainIndices.count
        sampleCount = imageCount + (meanTraining?.drawnSamples ?? 0)
        var slots = [Int32](repeating: -1, count: trainIndices.count)
        var slot = 0
        for (id, index) in trainIndices.enumerated() {
            while slot < images.count && images.indices[slot] < index { slot += 1 }
            if slot < images.count && images.indices[slot] == index { slots[id] = Int32(slot) }
        }
        self.slots = slots
    }

    /// The same source of images that pass through memory: the owner of `passing` sees to it that those of the ids in
    /// use are there.
    public init(_ other: SampleSource, passing: PassingImages, trainIndices: [Int32]) {
        self = other
        self.passing = passing
        slots = trainIndices
    }

    /// Copies an image that the rank keeps, label first, then its pixels, to `bytes` from `start` on.
    public func copyImage(_ id: Int, into bytes: inout [UInt8], at start: Int) {
        precondition((0..<imageCount).contains(id) && slots[id] >= 0, "the rank does not keep sample \(id)")
        let slot = Int(slots[id])
        let size = images.shape.count
        bytes[start] = images.labels[slot]
        images.withPixels { pixels in
            bytes.withUnsafeMutableBufferPointer { target in
                guard let source = pixels.baseAddress, let base = target.baseAddress else { return }
                precondition(start + 1 + size <= target.count, "no room for an image at \(start) of \(target.count)")
                (base + start + 1).update(from: source + slot * size, count: size)
            }
        }
    }

    /// Writes samples as a network's input, float32 [ids.count, height, width, channels] in 0...255 less the mean
    /// image, and their labels. Noise is neither clipped nor rounded. Allocates nothing.
    ///
    /// The rank must keep the image of every data sample in `ids`. `noise` says whether random training's noise is
    /// added. `scratch` is room for an image, needed where images are mixed: an image's partner is one of `ids`, and
    /// its label a ``MixedLabel`` then.
    public func fill(
        _ ids: ArraySlice<Int32>, epoch: Int, step: Int, noise: Bool = true, into pixels: UnsafeMutablePointer<Float>,
        labels: UnsafeMutablePointer<Int32>, scratch: UnsafeMutablePointer<Float>? = nil
    ) {
        let batchMirrored = mirroring == .batch && coin(.mirroring, step, epoch, probability: 0.5)
        var batchNoisy = false
        if let randomTraining, randomTraining.scope == .batch {
            batchNoisy = coin(.randomTraining, step, epoch, probability: randomTraining.probability)
        }
        images.withPixels { bytes in
            meanImage.withUnsafeBufferPointer { mean in
                guard let mean = mean.baseAddress else { return }
                var values = pixels
                var label = labels
                func write(_ id: Int, into values: UnsafeMutablePointer<Float>) -> Int32 {
                    let mirrored =
                        batchMirrored || mirroring == .image && coin(.mirroring, id, epoch, probability: 0.5)
                    return self.write(
                        id, epoch: epoch, mirrored: mirrored, mean: mean, bytes: bytes.baseAddress, into: values)
                }
                for id in ids {
                    let id = Int(id)
                    label.pointee = write(id, into: values)
                    if cutMix > 0, let scratch {
                        mix(id, label, among: ids, epoch: epoch, values, scratch) { write($0, into: scratch) }
                    }
                    if noise { addNoise(id, epoch: epoch, batchNoisy: batchNoisy, to: values) }
                    values += images.shape.count
                    label += 1
                }
            }
        }
    }

    /// Pastes a box of another image of `ids` into an image where the sample's numbers say so.
    private func mix(
        _ id: Int, _ label: UnsafeMutablePointer<Int32>, among ids: ArraySlice<Int32>, epoch: Int,
        _ values: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>, write: (Int) -> Int32
    ) {
        guard id < imageCount else { return }
        var random = Philox(seed: seed, purpose: .cutMix, id, epoch)
        guard Double(random.uniform()) < cutMix else { return }
        func draw(_ count: Int) -> Int { min(Int(random.uniform() * Float(count)), count - 1) }
        let partner = Int(ids[ids.startIndex + draw(ids.count)])
        // The share of the pixels before the box is clipped.
        let side = random.uniform().squareRoot()
        let shape = images.shape
        func box(_ extent: Int) -> Range<Int> {
            let length = Int(side * Float(extent))
            let start = draw(extent) - length / 2
            return (start..<start + length).clamped(to: 0..<extent)
        }
        let (rows, columns) = (box(shape.height), box(shape.width))
        guard partner != id, partner < imageCount, !rows.isEmpty, !columns.isEmpty else { return }
        let other = write(partner)
        paste(rows, columns, of: scratch, shape: shape, into: values)
        let share = Double(rows.count * columns.count) / Double(shape.area)
        label.pointee = MixedLabel(Int(label.pointee), Int(other), share: share).packed
    }

    private func coin(_ purpose: RandomPurpose, _ a: Int, _ b: Int, probability: Double) -> Bool {
        var random = Philox(seed: seed, purpose: purpose, a, b)
        return Double(random.uniform()) < probability
    }

    /// Writes one sample without its added noise and returns its label.
    private func write(
        _ id: Int, epoch: Int, mirrored: Bool, mean: UnsafePointer<Float>, bytes: UnsafePointer<UInt8>?,
        into values: UnsafeMutablePointer<Float>
    ) -> Int32 {
        precondition((0..<sampleCount).contains(id), "sample \(id) of \(sampleCount)")
        let shape = images.shape
        if id < imageCount {
            let slot = Int(slots[id])
            let image: UnsafePointer<UInt8>
            let label: UInt8
            if let passing {
                (image, label) = (passing.pixels(slot), passing.labels[slot])
            } else {
                guard slot >= 0, let bytes else { preconditionFailure("the rank does not keep sample \(id)") }
                (image, label) = (bytes + slot * shape.count, images.labels[slot])
            }
            if mirrored || shift > 0 {
                let (down, right) = drawShift(id, epoch: epoch)
                subtractMoved(
                    mean, from: image, shape: shape, mirrored: mirrored, down: down, right: right, fill: shiftFill,
                    into: values)
            } else {
                subtract(mean, from: image, into: values, count: shape.count)
            }
            if cutout > 0 {
                var random = Philox(seed: seed, purpose: .cutout, id, epoch)
                func draw(_ count: Int) -> Int { min(Int(random.uniform() * Float(count)), count - 1) }
                let row = draw(shape.height)
                cutOut(values, shape: shape, side: cutout, row: row, column: draw(shape.width))
            }
            return Int32(label)
        }
        guard let meanTraining else { preconditionFailure("sample \(id) without mean training") }
        let draw = meanTraining.redraw ? epoch : 0
        if id < imageCount + (meanTraining.samples ?? 0) {
            var random = Philox(seed: seed, purpose: .meanSamples, id, draw)
            // The mean image itself cancels: the network sees sigma N(0, 1).
            let sigma = Float(meanTraining.scale) * random.uniform()
            random.fillGaussian(values, count: shape.count)
            for i in 0..<shape.count { values[i] *= sigma }
            if mirrored { mirror(values, shape: shape) }
            return Int32(classes)
        }
        var random = Philox(seed: seed, purpose: .noiseSamples, id, draw)
        random.fillGaussian(values, count: shape.count)
        if mirrored { mirror(values, shape: shape) }
        let reach = meanTraining.noiseSpread > 0 ? 1 - Float(meanTraining.noiseSpread) * random.uniform() : 1
        let deviation = Float(meanTraining.noiseDeviation) * reach
        let spread = Float(meanTraining.noiseMeanSpread)
        let middle = spread > 0 ? 127.5 * (1 + spread * (2 * random.uniform() - 1)) : 127.5
        for i in 0..<shape.count { values[i] = middle + deviation * values[i] - mean[i] }
        return Int32(classes + 1)
    }

    /// How far an image is moved in an epoch, each uniform in -shift...shift.
    private func drawShift(_ id: Int, epoch: Int) -> (down: Int, right: Int) {
        guard shift > 0 else { return (0, 0) }
        var random = Philox(seed: seed, purpose: .shift, id, epoch)
        func draw() -> Int { min(Int(random.uniform() * Float(2 * shift + 1)), 2 * shift) - shift }
        let down = draw()
        return (down, draw())
    }

    /// Adds the noise of random training where the coins say so.
    private func addNoise(_ id: Int, epoch: Int, batchNoisy: Bool, to values: UnsafeMutablePointer<Float>) {
        guard let randomTraining else { return }
        var random = Philox(seed: seed, purpose: .randomTraining, id, randomTraining.redraw ? epoch : 0)
        // The first number is always the coin's, so that the noise never shares a number with a batch's coin.
        let imageNoisy = Double(random.uniform()) < randomTraining.probability
        guard randomTraining.scope == .batch ? batchNoisy : imageNoisy && id < imageCount else { return }
        let reach = randomTraining.spread > 0 ? 1 - Float(randomTraining.spread) * random.uniform() : 1
        let amplitude = Float(randomTraining.amplitude * 255) * reach
        switch randomTraining.distribution {
        case .sign: addSignNoise(&random, amplitude: amplitude, to: values, count: images.shape.count)
        case .uniform: addUniformNoise(&random, amplitude: amplitude, to: values, count: images.shape.count)
        }
    }
}
