import Kernels

/// Training images that come chunk by chunk into memory of a few chunks and go again. Who owns it says which chunk lies
/// where, between two uses; the labels of all images are there.
public final class PassingImages: @unchecked Sendable {
    /// The shape of every image.
    public let shape: ImageShape
    /// The class of each image of the files.
    public let labels: [UInt8]
    private let rows: Int
    private let base: UnsafeRawPointer
    private let owner: any AnyObject & Sendable
    /// Where each chunk lies, in chunks; -1 where it does not.
    private var slots: [Int32]

    /// - Parameters:
    ///   - rows: images of a chunk.
    ///   - pixels: memory of some chunks, which `owner` keeps.
    public init(
        shape: ImageShape, labels: [UInt8], rows: Int, pixels: UnsafeRawPointer, of owner: any AnyObject & Sendable
    ) {
        (self.shape, self.labels, self.rows, base, self.owner) = (shape, labels, rows, pixels, owner)
        slots = [Int32](repeating: -1, count: (labels.count + rows - 1) / rows)
    }

    /// Says where a chunk lies.
    public func place(_ chunk: Int, at slot: Int) { slots[chunk] = Int32(slot) }

    /// The pixels of an image by its index in the files, HWC. It has to be there.
    func pixels(_ index: Int) -> UnsafePointer<UInt8> {
        let slot = Int(slots[index / rows])
        precondition(slot >= 0, "image \(index) is not in memory")
        return (base + (slot * rows + index % rows) * shape.count).assumingMemoryBound(to: UInt8.self)
    }
}
