import Kernels
import Networks

/// The network's judgement of images, in evaluation mode; an image's outputs do not depend on what it is judged with
/// (invariant 3).
public final class Classifier {
    /// The most images of a group.
    public let groupSize: Int
    /// The network.
    public var plan: NetworkPlan { propagation.plan }

    private let propagation: Propagation

    /// Makes a classifier that follows the model's current parameters.
    public init(_ model: Model, groupSize: Int = 100) {
        self.groupSize = groupSize
        propagation = Propagation(
            model, lanes: 1, laneCapacity: groupSize, backward: false, independentImages: true)
    }

    /// The outputs z, [images, outputs], of a group of at most `groupSize` images that `fill` writes to the network's
    /// input, [images, input shape], in pixel units less the mean image. Valid until the next call. Local.
    public func outputs(images: Int, fill: (UnsafeMutablePointer<Float>) -> Void) throws -> UnsafePointer<Float> {
        precondition(images <= groupSize, "\(images) images in a group of \(groupSize)")
        fill(propagation.input.pointer)
        propagation.begin(images: images)
        try propagation.forward(.running, reducer: nil)
        return UnsafePointer(propagation.outputs)
    }
}
