import Kernels

/// Some consecutive evaluated samples, that an attack works on together.
public struct SampleGroup {
    /// The number of samples, at most ``TargetModel/groupSize``.
    public let count: Int
    /// The index of each sample in its file: what its random numbers are keyed by.
    public let indices: ArraySlice<Int32>
    /// The label of each sample.
    public let labels: UnsafePointer<Int32>
    /// The samples as the network sees them, [count, input shape], in pixel units less the mean image.
    public let pixels: UnsafePointer<Float>

    /// Makes a group of at most ``TargetModel/groupSize`` samples.
    public init(
        count: Int, indices: ArraySlice<Int32>, labels: UnsafePointer<Int32>, pixels: UnsafePointer<Float>
    ) {
        self.count = count
        self.indices = indices
        self.labels = labels
        self.pixels = pixels
    }

    /// The index of a row's sample in its file.
    func index(_ row: Int) -> Int32 { indices[indices.startIndex + row] }
    /// The label of a row.
    func label(_ row: Int) -> Int { Int(labels[row]) }
}

/// A perturbation of samples by a strength: an attack, a noise, or samples of nonsense.
///
/// For each group `begin` is called once, then `perturb` for each strength. What comes out for a sample depends on the
/// network, the sample and the settings alone (invariant 3); only an attack that works on groups by its definition says
/// otherwise.
public protocol Attack: AnyObject {
    /// True where the samples are nonsense, which a network should reject, instead of images with a label.
    var isNonsense: Bool { get }
    /// True where a sample's result depends on the whole group of ``TargetModel/groupSize`` samples, which is then
    /// never split.
    var needsWholeGroups: Bool { get }
    /// True where every point stays in the Linf ball of the strength and in the range of pixels.
    var staysInBall: Bool { get }
    /// The settings in full, for the record; parameters that were left out included.
    var settings: [String: String] { get }

    /// The strengths that it takes, of those that were asked for; [0] where none means anything.
    func strengths(_ asked: [Double]) -> [Double]
    /// Reasons why it may be weaker than its name, at some strengths; a clause each.
    func warnings(_ strengths: [Double]) -> [String]
    /// Gets ready for a group.
    func begin(_ group: SampleGroup) throws
    /// Writes the samples of some `rows` of the group, perturbed by `strength`, a fraction of the pixel range in [0,
    /// 1], to their places in `perturbed`, [group's count, input shape], in pixel units less the mean image; the other
    /// rows are left alone.
    func perturb(_ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws
}

extension Attack {
    /// Images with a label.
    public var isNonsense: Bool { false }
    /// No promise.
    public var staysInBall: Bool { false }
    /// Each sample by itself.
    public var needsWholeGroups: Bool { false }
    /// None.
    public func warnings(_ strengths: [Double]) -> [String] { [] }
    /// All that were asked for.
    public func strengths(_ asked: [Double]) -> [Double] { asked }
}

/// The samples as they are.
package final class CleanSamples: Attack {
    static let entry = AttackEntry("clean", .clean) { specification, context in
        try specification.allow([])
        return AttackSuite(CleanSamples(context.target))
    }

    package let settings: [String: String] = [:]
    private let count: Int
    private var group: SampleGroup?

    package init(_ target: TargetModel) { count = target.plan.network.input.count }

    package func strengths(_ asked: [Double]) -> [Double] { [0] }

    package func begin(_ group: SampleGroup) { self.group = group }

    package func perturb(
        _ rows: [Int], strength: Double, into perturbed: UnsafeMutablePointer<Float>
    ) {
        guard let group else { return }
        for row in rows { (perturbed + row * count).update(from: group.pixels + row * count, count: count) }
    }
}
