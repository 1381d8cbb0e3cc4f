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

    /// Adds images of the same shape.
    public mutating func add(_ images: ImageSet) {
        precondition(images.shape.count == sums.count, "\(images.shape) images into \(sums.count) sums")
        let pixelCount = sums.count
        sums.withUnsafeMutableBufferPointer { sums in
            images.pixels.withUnsafeBufferPointer { pixels in
                guard let total = sums.baseAddress, let first = pixels.baseAddress else { return }
                for image in 0..<images.count {
                    let bytes = first + image * pixelCount
                    for i in 0..<pixelCount { total[i] &+= Int64(bytes[i]) }
                }
            }
        }
        count += images.count
    }
}

/// The mean image, HWC in 0...255: Float(Double(sum) / count) for each pixel; zero where no image was summed.
public func meanImage(sums: [Int64], count: Int) -> [Float] {
    precondition(count >= 0, "the mean of \(count) images")
    return sums.map { count == 0 ? 0 : Float(Double($0) / Double(count)) }
}
