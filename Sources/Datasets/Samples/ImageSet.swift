import Kernels

/// Images of one split, as bytes: those that a reader kept, in file order.
public struct ImageSet: Sendable {
    /// The shape of every image.
    public let shape: ImageShape
    /// The index of each image in its file order, ascending.
    public let indices: [Int32]
    /// The label of each image.
    public let labels: [UInt8]
    /// Hexadecimal SHA-256 of the whole split's uncompressed content (for IDX the images' file, then the labels'; for
    /// CIFAR-10 the batches in order), whatever was kept of it and however it was compressed.
    public let contentDigest: String
    /// The files that were read, each verified whole.
    public let files: [FileReport]
    private let storage: Pixels

    /// Where the pixels lie.
    private enum Pixels: @unchecked Sendable {
        case array([UInt8])
        /// Nobody changes them while their owner lives.
        case lent(UnsafeRawBufferPointer, by: any AnyObject & Sendable)
    }

    /// The number of images kept.
    public var count: Int { indices.count }

    /// True where the content is the publisher's: false where one file is known to differ, nil where no digest of a
    /// file's content is known. A training run warns of false.
    public var isOfficial: Bool? { files.isOfficial }

    /// Makes a set from arrays that agree: one label and `shape.count` pixels an image, indices ascending.
    public init(
        shape: ImageShape, indices: [Int32], labels: [UInt8], pixels: [UInt8], contentDigest: String,
        files: [FileReport] = []
    ) {
        self.init(shape, indices, labels, .array(pixels), count: pixels.count, contentDigest, files)
    }

    /// Makes a set whose pixels lie in memory that `owner` keeps and that nobody changes as long as it lives.
    public init(
        shape: ImageShape, indices: [Int32], labels: [UInt8], pixels: UnsafeRawBufferPointer,
        of owner: any AnyObject & Sendable, contentDigest: String, files: [FileReport] = []
    ) {
        self.init(shape, indices, labels, .lent(pixels, by: owner), count: pixels.count, contentDigest, files)
    }

    private init(
        _ shape: ImageShape, _ indices: [Int32], _ labels: [UInt8], _ storage: Pixels, count: Int,
        _ contentDigest: String, _ files: [FileReport]
    ) {
        precondition(
            labels.count == indices.count && count == indices.count * shape.count,
            "\(indices.count) indices, \(labels.count) labels, \(count) pixels of \(shape) images")
        self.shape = shape
        self.indices = indices
        self.labels = labels
        self.storage = storage
        self.contentDigest = contentDigest
        self.files = files
    }

    /// The pixels, `count` x height x width x channels; a copy where another object keeps them.
    public var pixels: [UInt8] {
        if case .array(let pixels) = storage { return pixels }
        return withPixels { Array($0) }
    }

    /// Lends the pixels, `count` x height x width x channels, wherever they lie. Allocates nothing.
    public func withPixels<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        switch storage {
        case .array(let pixels): try pixels.withUnsafeBufferPointer(body)
        case .lent(let bytes, by: let owner):
            try withExtendedLifetime(owner) { try body(bytes.bindMemory(to: UInt8.self)) }
        }
    }

    /// The first `count` images, or all.
    public func prefix(_ count: Int) -> ImageSet {
        let kept = min(count, self.count)
        return ImageSet(
            shape: shape, indices: Array(indices.prefix(kept)), labels: Array(labels.prefix(kept)),
            pixels: withPixels { Array($0.prefix(kept * shape.count)) }, contentDigest: contentDigest, files: files)
    }

    /// The same images with other labels, one for each label of this set's classes.
    public func labelled(_ label: [UInt8]) -> ImageSet {
        ImageSet(
            shape, indices, labels.map { label[Int($0)] }, storage, count: count * shape.count, contentDigest, files)
    }

    /// The images whose index `isKept` accepts.
    public func filter(_ isKept: (Int) -> Bool) -> ImageSet {
        let kept = indices.indices.filter { isKept(Int(indices[$0])) }
        guard kept.count < count else { return self }
        let size = shape.count
        // Exactly as much memory as the images take: a set may be most of what there is. At least one byte: without
        // any, the count would be written to the empty array that all threads share.
        let pixels = withPixels { source in
            [UInt8](unsafeUninitializedCapacity: max(kept.count * size, 1)) { target, initialised in
                for (place, slot) in kept.enumerated() {
                    _ = target[place * size..<(place + 1) * size].initialize(
                        from: source[slot * size..<(slot + 1) * size])
                }
                initialised = kept.count * size
            }
        }
        return ImageSet(
            shape: shape, indices: kept.map { indices[$0] }, labels: kept.map { labels[$0] }, pixels: pixels,
            contentDigest: contentDigest, files: files)
    }

    /// Writes image `slot` (0..<count) as a network's input: float32 HWC in 0...255, less the mean image.
    public func fill(_ slot: Int, minus mean: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>) {
        precondition(indices.indices.contains(slot), "image \(slot) of \(count)")
        withPixels { bytes in
            guard let base = bytes.baseAddress else { return }
            subtract(mean, from: base + slot * shape.count, into: values, count: shape.count)
        }
    }
}

/// A file as it was read: what its content is, and whether that is the publisher's.
public struct FileReport: Codable, Hashable, Sendable {
    /// The file; `archive:member` for a member of an archive.
    public let path: String
    /// Hexadecimal SHA-256 of the uncompressed content.
    public let digest: String
    /// True where the content is the publisher's; nil where no digest of it is known.
    public let isOfficial: Bool?
}

extension [FileReport] {
    /// False where one file differs, true where all are known to be the publisher's, else nil.
    public var isOfficial: Bool? {
        if contains(where: { $0.isOfficial == false }) { return false }
        return !isEmpty && allSatisfy { $0.isOfficial == true } ? true : nil
    }
}

/// values = Float(bytes) - mean.
@inline(__always)
func subtract(
    _ mean: UnsafePointer<Float>, from bytes: UnsafePointer<UInt8>, into values: UnsafeMutablePointer<Float>, count: Int
) {
    for i in 0..<count { values[i] = Float(bytes[i]) - mean[i] }
}
