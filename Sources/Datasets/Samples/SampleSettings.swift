/// Mean training: nonsense samples drawn around the mean image (paper, section 4; the numbers and the noise class after
/// the authors' released code).
public struct MeanTraining: Codable, Hashable, Sendable {
    /// Mean samples: mean image + sigma N(0, 1) for each pixel, sigma = scale U(0, 1) for each image. Their label is
    /// the number of classes. Nil: as many as a tenth of the training images, once their number is known (`settled`).
    public var samples: Int?
    /// The largest sigma, in 0...255: 255 (MNIST) or 64 (CIFAR-10).
    public var scale: Double
    /// Noise samples: N(mu, sigma^2) for each pixel, by the next three. Their label is the number of classes + 1. 0: no
    /// noise class. Nil: as many as a tenth of the training images.
    public var noiseSamples: Int?
    /// The largest deviation of the noise samples, in 0...255: 127.5 (MNIST) or 96 (CIFAR-10).
    public var noiseDeviation: Double
    /// How far deviations spread: that of each noise sample is uniform in [(1 - spread) noiseDeviation,
    /// noiseDeviation]; in 0...1.
    public var noiseSpread: Double
    /// How far means spread: that of each noise sample is uniform in 127.5 (1 +- spread), in 0...1; 0: all have 127.5,
    /// the authors' way. A network takes the mean for a mark of noise where all have the same: what is noise of N(0, 1)
    /// scaled to the whole pixel range, by its own least and largest pixel, has another.
    public var noiseMeanSpread: Double
    /// True where all of them are drawn anew each epoch, or once for the run: a network learns a few thousand images by
    /// heart.
    public var redraw: Bool

    /// Makes the setting.
    public init(
        samples: Int?, scale: Double, noiseSamples: Int?, noiseDeviation: Double, noiseSpread: Double = 0,
        noiseMeanSpread: Double = 0, redraw: Bool = false
    ) {
        self.samples = samples
        self.scale = scale
        self.noiseSamples = noiseSamples
        self.noiseDeviation = noiseDeviation
        self.noiseSpread = noiseSpread
        self.noiseMeanSpread = noiseMeanSpread
        self.redraw = redraw
    }

    /// Outputs beside the classes: 2 with a noise class, else 1.
    public var nonsenseClasses: Int { noiseSamples == 0 ? 1 : 2 }

    /// All samples that are drawn for an epoch; of a setting that is settled.
    public var drawnSamples: Int { (samples ?? 0) + (noiseSamples ?? 0) }

    /// The setting with its numbers for so many training images: a tenth of them, at least one, where none is given.
    public func settled(trainingImages: Int) -> MeanTraining {
        var settled = self
        settled.samples = samples ?? max(1, trainingImages / 10)
        settled.noiseSamples = noiseSamples ?? max(1, trainingImages / 10)
        return settled
    }
}

/// Random training: noise added to a part of the samples.
public struct RandomTraining: Codable, Hashable, Sendable {
    /// `sign`: +-amplitude; `uniform`: in [-amplitude, amplitude]; for each pixel.
    public enum Distribution: String, Codable, Sendable { case sign, uniform }
    /// `image`: a coin for each data image (drawn nonsense samples are noise already). `batch`: one coin for each
    /// (epoch, step), for the whole batch, drawn samples included.
    public enum Scope: String, Codable, Sendable { case image, batch }

    /// The distribution of the noise.
    public var distribution: Distribution
    /// The amplitude, as a fraction of 255.
    public var amplitude: Double
    /// How far amplitudes spread: that of each image is drawn with its noise, uniform in [(1 - spread) amplitude,
    /// amplitude]; in 0...1.
    public var spread: Double
    /// The probability of noise, for each coin.
    public var probability: Double
    /// The unit that a coin decides on.
    public var scope: Scope
    /// True where the noise, and an image's coin, are drawn anew each epoch, or once for the run. A batch's coin is
    /// always thrown anew.
    public var redraw: Bool

    /// Makes the setting.
    public init(
        distribution: Distribution, amplitude: Double, spread: Double = 0, probability: Double, scope: Scope,
        redraw: Bool
    ) {
        self.distribution = distribution
        self.amplitude = amplitude
        self.spread = spread
        self.probability = probability
        self.scope = scope
        self.redraw = redraw
    }
}

/// The image that is subtracted from every image that a network sees.
public enum MeanImage: String, Codable, CaseIterable, Sendable {
    /// The mean of the training images.
    case training
    /// Nothing: the network sees the pixels themselves. A convolution can then hold back what lies below one grey value
    /// everywhere, as networks that withstand large perturbations of MNIST do; behind a mean image that value differs
    /// by pixel.
    case zero
    /// That of the network that a run starts from (`initial_weights`).
    case initial
}

/// The pixels where a shifted image leaves a border.
public enum ShiftFill: String, Codable, CaseIterable, Sendable {
    /// The mean image.
    case mean
    /// Black, as where images are padded with zeros and cropped.
    case zero
}

/// Left-right mirroring with probability 1/2, anew each epoch: never, a coin for each sample, or one for each batch.
public enum Mirroring: String, Codable, CaseIterable, Sendable {
    case off, image, batch
}
