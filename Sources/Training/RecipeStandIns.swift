// The settings of drawn samples and the modes of reduction, as Datasets and MessagePassing declare them. This file goes
// where those modules bring their own.

/// Mean training: nonsense samples drawn around the mean image, each once for the whole run (paper, section 4.3).
public struct MeanTraining: Codable, Hashable, Sendable {
    /// Mean samples: mean image + sigma N(0, 1) for each pixel, sigma = scale U(0, 1) for each image.
    public var samples: Int
    /// The largest sigma, in 0...255.
    public var scale: Double
    /// Noise samples: N(127.5, noiseDeviation^2) for each pixel. 0: no noise class.
    public var noiseSamples: Int
    /// The deviation of the noise samples, in 0...255.
    public var noiseDeviation: Double

    enum CodingKeys: String, CodingKey {
        case samples, scale
        case noiseSamples = "noise_samples"
        case noiseDeviation = "noise_deviation"
    }

    /// Makes the setting.
    public init(samples: Int, scale: Double, noiseSamples: Int, noiseDeviation: Double) {
        self.samples = samples
        self.scale = scale
        self.noiseSamples = noiseSamples
        self.noiseDeviation = noiseDeviation
    }
}

/// Random training: noise added to a part of the samples (paper, section 4.3).
public struct RandomTraining: Codable, Hashable, Sendable {
    /// `sign`: +-amplitude; `uniform`: in [-amplitude, amplitude]; for each pixel.
    public enum Distribution: String, Codable, Sendable { case sign, uniform }
    /// What a coin decides on: one image, or a whole batch.
    public enum Scope: String, Codable, Sendable { case image, batch }

    /// What the noise is drawn from.
    public var distribution: Distribution
    /// The amplitude, as a fraction of 255.
    public var amplitude: Double
    /// The probability of noise, for each coin.
    public var probability: Double
    /// What a coin decides on.
    public var scope: Scope
    /// Whether the noise is drawn anew each epoch, or once for the run.
    public var redraw: Bool

    /// Makes the setting.
    public init(distribution: Distribution, amplitude: Double, probability: Double, scope: Scope, redraw: Bool) {
        self.distribution = distribution
        self.amplitude = amplitude
        self.probability = probability
        self.scope = scope
        self.redraw = redraw
    }
}

/// Left-right mirroring with probability 1/2: never, a coin for each image, or one for each batch.
public enum Mirroring: String, Codable, CaseIterable, Sendable {
    case off, image, batch
}

/// How sums over the ranks are formed.
public enum ReductionMode: String, Sendable, CaseIterable {
    /// Equal bits for every number of ranks.
    case exact
    /// A plain all-reduce of floats: the order of the sum is MPI's.
    case fast
}
