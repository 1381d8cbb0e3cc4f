import Kernels

/// Sums of pixels, exact: those of several ranks add up to the same whatever rank held which image.
public struct PixelSums: Hashable, Sendable {
    /// The sum of each pixel, HWC.
    public var sums: [Int64]
    /// The number of images summed.
    public var count: Int

    /// No image yet.
    public init(shape: ImageShape) {
        sums = [Int64](repeating: 0, count: shape.count)
        count = 0
    }

    /// Adds those images, of the same shape, whose index `isCounted` accepts.
    public mutating func add(_ images: ImageSet, where isCounted: (Int) -> Bool = { _ in true }) {
        precondition(images.shape.count == sums.count, "\(images.shape) images into \(sums.count) sums")
        let pixelCount = sums.count
        let counted = images.indices.indices.filter { isCounted(Int(images.indices[$0])) }
        sums.withUnsafeMutableBufferPointer { sums in
            images.withPixels { pixels in
                guard let total = sums.baseAddress, let first = pixels.baseAddress else { return }
                for image in counted {
                    let bytes = first + image * pixelCount
                    for i in 0..<pixelCount { total[i] &+= Int64(bytes[i]) }
                }
            }
        }
        count += counted.count
    }
}

/// The mean image, HWC in 0...255: Float(Double(sum) / count) for each pixel; zero where no image was summed.
public func meanImage(sums: [Int64], count: Int) -> [Float] {
    precondition(count >= 0, "the mean of \(count) images")
    return sums.map { count == 0 ? 0 : Float(Double($0) / Double(count)) }
}
