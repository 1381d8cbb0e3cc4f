import Datasets
import Kernels

/// The images of a set in groups of at most ``TargetModel/groupSize``, as attacks take them. One group is in memory at
/// a time.
package final class SampleGroups {
    private let images: ImageSet
    private let target: TargetModel
    private let pixels: Buffer<Float>
    private let labels: Buffer<Int32>

    /// Takes memory for one group of images, which are of the network's shape.
    package init(_ images: ImageSet, for target: TargetModel) {
        self.images = images
        self.target = target
        pixels = Buffer(TargetModel.groupSize * target.size)
        labels = Buffer(TargetModel.groupSize)
    }

    /// Hands over a range of the images group by group, each with the place of its first image. A group is lent for the
    /// call. Local.
    package func forEach(in range: Range<Int>, _ body: (_ start: Int, SampleGroup) throws -> Void) rethrows {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: TargetModel.groupSize) {
            try body(start, load(start..<min(start + TargetModel.groupSize, range.upperBound)))
        }
    }

    private func load(_ range: Range<Int>) -> SampleGroup {
        target.meanImage.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for (row, slot) in range.enumerated() {
                images.fill(slot, minus: mean, into: pixels.pointer + row * target.size)
                labels.pointer[row] = Int32(images.labels[slot])
            }
        }
        return SampleGroup(
            count: range.count, indices: images.indices[range], labels: labels.pointer, pixels: pixels.pointer)
    }
}
