import Kernels
import Networks

/// The network's judgement of images, in evaluation mode, in groups of a fixed size so that an image's outputs do not depend
/// on what it is grouped with (invariant 3).
public final class Classifier {
    /// The images of a group; a smaller group is filled up with zeros.
    public let groupSize: Int
    /// The network.
    public var plan: NetworkPlan { propagation.plan }

    private let propagation: Propagation

    /// Makes a classifier that follows the model's current parameters.
    public init(_ model: Model, groupSize: Int = 100) {
        self.groupSize = groupSize
        propagation = Propagation(model, lanes: 1, laneCapacity: groupSize, backward: false)
    }

    /// The outputs z, [images, outputs], of a group of at most `groupSize` images that `fill` writes to the network's
    /// input, [images, input shape], in pixel units less the mean image. Valid until the next call. Local.
    public func outputs(images: Int, fill: (UnsafeMutablePointer<Float>) -> Void) throws -> UnsafePointer<Float> {
        precondition(images <= groupSize, "\(images) images in a group of \(groupSize)")
        let count = plan.network.input.count
        fill(propagation.input.pointer)
        (propagation.input.pointer + images * count).update(repeating: 0, count: (groupSize - images) * count)
        propagation.begin(counts: CollectionOfOne(groupSize), globalImages: groupSize)
        try propagation.forward(.running, owner: nil)
        return UnsafePointer(propagation.outputs)
    }
}
