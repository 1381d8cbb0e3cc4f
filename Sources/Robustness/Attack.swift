import Kernels

/// Some consecutive evaluated samples, that an attack works on together.
public struct SampleGroup {
    /// The number of samples.
    public let count: Int
    /// The index of each sample in its file: what its random numbers are keyed by.
    public let indices: ArraySlice<Int32>
    /// The label of each sample.
    public let labels: UnsafePointer<Int32>
    /// The samples as the network sees them, [count, input shape], in pixel units less the mean image.
    public let pixels: UnsafePointer<Float>
}

/// A perturbation of samples by a strength: an attack, a noise, or samples of nonsense.
///
/// For each group `begin` is called once, then `perturb` for each strength. What comes out for a sample depends on the
/// network, the sample and the settings alone (invariant 3); only an attack that works on groups by its definition says
/// otherwise.
public protocol Attack: AnyObject {
    /// Whether the samples are nonsense, which a network should reject, instead of images with a label.
    var isNonsense: Bool { get }
    /// Whether the strength means anything; without one there is one row of strength 0.
    var takesStrength: Bool { get }

    /// What the attack does, in full, for the record; parameters that were left out included.
    var settings: [String: String] { get }

    /// Gets ready for a group.
    func begin(_ group: SampleGroup) throws
    /// Writes the perturbed samples of the group, [count, input shape], in pixel units less the mean image.
    ///
    /// - Parameter strength: a fraction of the pixel range, in [0, 1].
    func perturb(strength: Double, into perturbed: UnsafeMutablePointer<Float>) throws
}

/// The samples as they are.
final class CleanSamples: Attack {
    let isNonsense = false
    let takesStrength = false
    let settings: [String: String] = [:]
    private let count: Int
    private var group: SampleGroup?

    init(_ victim: Victim) { count = victim.plan.network.input.count }

    func begin(_ group: SampleGroup) { self.group = group }

    func perturb(strength: Double, into perturbed: UnsafeMutablePointer<Float>) {
        guard let group else { return }
        perturbed.update(from: group.pixels, count: group.count * count)
    }
}
