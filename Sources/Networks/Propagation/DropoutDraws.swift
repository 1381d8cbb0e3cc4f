import Kernels

/// The random numbers of a training pass's dropout, keyed by what is the same on every number of ranks: the seed, the
/// epoch, each image's sample id, the layer, and the update among those that a batch has.
public struct DropoutDraws {
    private let seed: UInt64
    private let epoch: Int
    private let update: Int
    private let ids: UnsafePointer<Int32>

    /// The draws of a pass over images whose sample ids lie at `ids`, in the propagation's order; they have to stay
    /// there until the pass's backward pass is done.
    public init(seed: UInt64, epoch: Int, update: Int, ids: UnsafePointer<Int32>) {
        (self.seed, self.epoch, self.update, self.ids) = (seed, epoch, update, ids)
    }

    /// The numbers of an image in a layer.
    func random(_ image: Int, _ dropout: Dropout) -> Philox {
        Philox(
            seed: seed, purpose: .dropout, Int(ids[image]), epoch, part: update << 12 | dropout.number)
    }
}
