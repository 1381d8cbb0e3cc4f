import Foundation
import Kernels

/// Lemma 1 as a computation: for given n, r and epsilon it looks for lambda and tau, and measures by sampling how much
/// of the hypersphere the block misses or adds.
///
/// On the sphere of radius r the block's output lies between that on the diagonal and that on an axis, f2(r) <= y <=
/// f1(r) for the RBF: 1 - exp(-lambda^2 u) is concave in u = x^2, so that a sum over coordinates of a fixed sum of
/// squares is least when one has it all. The paper prints the inequality the other way round; its conclusion stands.
public struct LemmaCheck: Sendable {
    /// The activation function of both layers.
    public let activation: Activation
    /// The number of dimensions.
    public let dimensions: Int
    /// The radius of the hypersphere.
    public let radius: Double
    /// The share of the volume that may be wrong.
    public let tolerance: Double
    /// The parameter lambda that was found; the one tried last where none will do.
    public let scale: Double
    /// The threshold tau = f1(r).
    public let threshold: Double
    /// 1 - V(intersection) / V(union) of the hypersphere and the block's region, measured.
    public let volumeError: Double
    /// The most by which y left [f2, f1] on the sphere, over all samples, as a share of t on the diagonal; 0 where it
    /// never did. (y is so near to 1 in many dimensions that t, of which y falls, tells more.)
    public let excess: Double

    /// True where the block decides as well as asked.
    public var holds: Bool { volumeError < tolerance }

    /// The smallest lambda r that is tried.
    private static let smallest = 1e-4

    /// Finds lambda and tau, and measures on `samples` points of a fixed stream of random numbers.
    public init(_ activation: Activation, dimensions n: Int, radius: Double, tolerance: Double, samples: Int = 20_000) {
        self.activation = activation
        (dimensions, self.radius, self.tolerance) = (n, radius, tolerance)
        // Half the tolerance by equation 6, so that the other half is left for the sampling.
        let wanted = radius * pow(1 - tolerance / 2, 1 / Double(n))
        var scale = 1 / radius
        func block() -> HypersphereBlock { HypersphereBlock(activation: activation, scale: scale) }
        // A threshold of 0 would take in everything.
        while scale * radius > Self.smallest,
            block().onDiagonal(wanted, dimensions: n) < block().onAxis(radius) || block().onAxis(radius) <= 0
        {
            scale /= 1.25
        }
        self.scale = scale
        let found = block()
        threshold = found.onAxis(radius)
        var sampler = BallSampler(dimensions: n)
        // From inside the hypersphere, and from a shell about it of the same volume.
        let outer = radius * pow(2, 1 / Double(n))
        let (least, most) = (-found.sumOnAxis(radius), -found.sumOnDiagonal(radius, dimensions: n))
        var (missed, added, excess) = (0, 0, 0.0)
        for _ in 0..<samples {
            let direction = sampler.direction()
            let inside = radius * sampler.radius(from: 0, to: 1)
            if found.output(direction.map { $0 * inside }) < threshold { missed += 1 }
            let outside = radius * sampler.radius(from: 1, to: outer / radius)
            if found.output(direction.map { $0 * outside }) >= threshold { added += 1 }
            let drop = -found.sum(direction.map { $0 * radius })
            excess = max(excess, (least - drop) / most, (drop - most) / most)
        }
        let (hits, union) = (Double(samples - missed), Double(samples + added))
        volumeError = 1 - hits / union
        // What rounding does to a sum is no finding.
        self.excess = excess < 1e-12 ? 0 : excess
    }

    /// The least volume error that an L1 ball of any size leaves to a hypersphere: all that thresholds on a block of
    /// mReLUs can do, whose output falls by lambda |x| whatever lambda is. By sampling.
    public static func bestL1Ball(dimensions n: Int, samples: Int = 20_000) -> Double {
        var sampler = BallSampler(dimensions: n)
        // L1 norms of points of the unit ball, and of a cube's share around it: the ball of L1 radius sqrt(n) holds it.
        var inside: [Double] = []
        for _ in 0..<samples {
            let radius = sampler.radius(from: 0, to: 1)
            inside.append(sampler.direction().reduce(0) { $0 + abs($1) } * radius)
        }
        inside.sort()
        let volumeOfBall = exp(Double(n) / 2 * log(Double.pi) - lgamma(Double(n) / 2 + 1))
        let volumeOfUnitL1Ball = exp(Double(n) * log(2) - lgamma(Double(n) + 1))
        let errors = inside.enumerated().map { place, size in
            let common = volumeOfBall * Double(place + 1) / Double(samples)
            return 1 - common / (volumeOfBall + volumeOfUnitL1Ball * pow(size, Double(n)) - common)
        }
        return errors.min() ?? 1
    }
}

/// Draws points of balls and shells.
private struct BallSampler {
    let dimensions: Int
    private var random = Philox(seed: 1, purpose: .test)

    init(dimensions: Int) { self.dimensions = dimensions }

    /// A unit vector, uniform on the sphere.
    mutating func direction() -> [Double] {
        var vector = [Double](repeating: 0, count: dimensions)
        random.forEachGaussian(dimensions) { vector[$0] = Double($1) }
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }

    /// A radius of a point uniform in the shell between two radii.
    mutating func radius(from inner: Double, to outer: Double) -> Double {
        let (low, high) = (pow(inner, Double(dimensions)), pow(outer, Double(dimensions)))
        return pow(low + Double(random.uniform()) * (high - low), 1 / Double(dimensions))
    }
}
