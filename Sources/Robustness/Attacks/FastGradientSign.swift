import Kernels
import Networks

/// FGS-lmax, the paper's adversarial direction (equation 10): for each candidate class l the gradient g_l of the loss
/// with label l; the class of largest L1 norm wins, and the sample moves towards it, along -sign(g_l). One direction
/// serves all strengths.
public struct FastGradientSign {
    private let propagation: Propagation
    private let classes: Int
    private let largest: Buffer<Double>

    /// For the images of `propagation`, which has backward memory and an input gradient; `classes` are the meaningful
    /// ones.
    public init(_ propagation: Propagation, capacity: Int) {
        self.propagation = propagation
        classes = propagation.plan.network.classes
        largest = Buffer(capacity)
    }

    /// Writes the direction of each image, elements in {-1, 0, 1}, [images, input shape]. The candidates are all
    /// classes but the image's label (all of them where the label is not a class).
    ///
    /// One forward pass with running moments, then one backward pass a candidate. Local; the bits of an image's
    /// direction depend on the number of images that run together and on nothing else in them.
    public func directions(
        of labels: UnsafePointer<Int32>, into direction: UnsafeMutablePointer<Float>
    ) throws {
        let images = propagation.images
        try propagation.forward(.running, reducer: nil)
        clear(direction, images)
        let everywhere = (0..<images).contains { !(0..<classes).contains(Int(labels[$0])) }
        for k in 0..<(everywhere ? classes : classes - 1) {
            for image in 0..<images {
                writeGradient(image, label: candidate(k, Int(labels[image])))
            }
            try propagation.backward(reducer: nil)
            for image in 0..<images where candidate(k, Int(labels[image])) != nil {
                keepLargest(image, from: image, direction)
            }
        }
    }

    /// The same with batch norm in training mode, as the released code does: each image stands once for each candidate
    /// in one batch, all normalised together. `propagation` holds the images, each `candidates` times in a row.
    public func batchDirections(
        of labels: UnsafePointer<Int32>, candidates: Int, into direction: UnsafeMutablePointer<Float>
    ) throws {
        let images = propagation.images / candidates
        try propagation.forward(.batch, reducer: nil)
        for copy in 0..<images * candidates {
            writeGradient(copy, label: candidate(copy % candidates, Int(labels[copy / candidates])))
        }
        try propagation.backward(reducer: nil)
        clear(direction, images)
        for copy in 0..<images * candidates { keepLargest(copy / candidates, from: copy, direction) }
    }

    /// No direction yet; that is what stays where no gradient is a number.
    private func clear(_ direction: UnsafeMutablePointer<Float>, _ images: Int) {
        largest.pointer.update(repeating: -1, count: images)
        direction.update(repeating: 0, count: images * propagation.plan.network.input.count)
    }

    /// The k-th class that is not the label; nil where there is none.
    private func candidate(_ k: Int, _ label: Int) -> Int? {
        guard (0..<classes).contains(label) else { return k }
        let next = k < label ? k : k + 1
        return next < classes ? next : nil
    }

    private func writeGradient(_ image: Int, label: Int?) {
        let outputs = propagation.plan.outputs
        let gradient = propagation.outputGradient + image * outputs
        guard let label else {
            gradient.update(repeating: 0, count: outputs)
            return
        }
        _ = propagation.plan.network.loss.value(
            propagation.outputs + image * outputs, label: label, outputs: outputs, gradient: gradient, scale: 1)
    }

    private func keepLargest(_ image: Int, from row: Int, _ direction: UnsafeMutablePointer<Float>) {
        let count = propagation.plan.network.input.count
        let gradient = propagation.inputGradient.pointer + row * count
        let norm = sumOfMagnitudes(gradient, count: count)
        guard norm > largest.pointer[image] else { return }
        largest.pointer[image] = norm
        writeDescent(direction + image * count, gradient, count: count)
    }
}
