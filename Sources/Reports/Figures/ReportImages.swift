import Checkpoints
import Datasets
import Essentials
import Foundation
import Kernels
import Recipes
import Robustness

/// The first test images of a network's data set, as the network sees them.
struct ReportImages {
    /// The images as they are.
    let images: ImageSet
    /// [count, input shape], in pixel units less the mean image.
    let pixels: [Float]
    /// The data set's shape, classes and counts.
    let description: DatasetDescription
    /// The mean training image.
    let meanImage: [Float]

    /// Reads them from where the network was trained from, or from where data sets lie.
    ///
    /// - Throws: `Failure` 66 where the data set is not found, 65 where it is damaged.
    init(_ checkpoint: Checkpoint, count: Int) throws {
        let recipe = try? Recipe.parse(yaml: checkpoint.header.recipe)
        let dataset = try Dataset.locate(checkpoint.header.dataset, directory: recipe?.dataDirectory)
        description = dataset.description
        images = try dataset.read(.test) { $0 < count }
        guard images.count > 0 else {
            throw Failure(.data, "data set \(checkpoint.header.dataset) holds no test images")
        }
        let mean = try checkpoint.meanImage(images.shape)
        meanImage = mean
        let size = images.shape.count
        let images = images
        pixels = [Float](unsafeUninitializedCapacity: images.count * size) { buffer, count in
            mean.withUnsafeBufferPointer { mean in
                guard let mean = mean.baseAddress, let base = buffer.baseAddress else { return }
                for slot in 0..<images.count { images.fill(slot, minus: mean, into: base + slot * size) }
            }
            count = images.count * size
        }
    }

    /// Images of Gaussian noise, each scaled to 0..255 by its own extremes, as the network sees them.
    func nonsense(_ count: Int) -> [Float] {
        let size = images.shape.count
        var pixels = [Float](repeating: 0, count: count * size)
        pixels.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for image in 0..<count {
                var random = Philox(seed: 1, purpose: .attack, image)
                let own = base + image * size
                random.fillGaussian(own, count: size)
                let values = UnsafeBufferPointer(start: own, count: size)
                let (low, high) = (values.min() ?? 0, values.max() ?? 1)
                for i in 0..<size { own[i] = (own[i] - low) / max(1e-6, high - low) * 255 - meanImage[i] }
            }
        }
        return pixels
    }
}
