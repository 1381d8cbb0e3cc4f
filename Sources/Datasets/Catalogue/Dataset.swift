import Essentials
import Foundation

/// A data set as it was found: headers read, content not yet.
public struct Dataset: Sendable {
    /// Its name, shape, classes and counts.
    public let description: DatasetDescription
    /// The folder that holds its files; nil where it is generated.
    public let folder: String?
    let files: any DataFiles

    /// The set's file where it is one that `steadfast data convert` made.
    public var dataFile: DataFile? { (files as? ConvertedFiles)?.file }

    init(_ name: String, _ files: some DataFiles, folder: String?) {
        description = DatasetDescription(name, files)
        self.folder = folder
        self.files = files
    }

    /// Streams the split's files once, verifies them whole, and hands over the images whose index `wanted` accepts.
    ///
    /// `.train` and `.validation` both read the training files: take the indices from `Splits`. An index is the
    /// position in the files, 0..<trainCount or 0..<testCount. At most a piece of 1 MiB (or one image) is held.
    ///
    /// - Parameters:
    ///   - split: whose files are read.
    ///   - wanted: whether an image is asked for; each index once, in ascending order.
    ///   - image: takes an image's index and its pixels, height x width x channels, lent for the call; in
    ///     ascending order.
    /// - Throws: `Failure` 65 where a file is truncated, longer than it should be, does not decompress, or has a label
    ///   out of range; 66 or 74 where it cannot be read; what `image` throws.
    public func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        try files.stream(split == .test ? .test : .train, wanted: wanted, image: image)
    }

    /// Reads a split's files whole, and hands over no image: for what is known of the content.
    ///
    /// - Parameter onImage: called before each image.
    /// - Throws: `Failure` as `stream`.
    public func readThrough(_ split: Split, onImage: () -> Void = {}) throws -> StreamedImages {
        try stream(
            split,
            wanted: { _ in
                onImage()
                return false
            }, image: { _, _ in })
    }

    /// The class of each image of a split's files.
    ///
    /// - Throws: `Failure` as `stream`.
    public func labels(_ split: Split) throws -> [UInt8] { try files.labels(split == .test ? .test : .train) }

    /// Streams the split and keeps the images whose index `keep` accepts: no more is held beside them than `stream`
    /// holds.
    ///
    /// - Throws: `Failure` as `stream`.
    public func read(_ split: Split, keep: (Int) -> Bool) throws -> ImageSet {
        let count = split == .test ? description.testCount : description.trainCount
        let kept = (0..<count).map(keep)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(kept.count(where: { $0 }) * description.shape.count)
        let streamed = try stream(split, wanted: { kept[$0] }) { pixels.append(contentsOf: $1) }
        return ImageSet(
            shape: description.shape, indices: streamed.indices, labels: streamed.labels, pixels: pixels,
            contentDigest: streamed.contentDigest, files: streamed.files)
    }

    /// Reads the whole split.
    public func read(_ split: Split) throws -> ImageSet { try read(split) { _ in true } }
}

/// The facts of the images that were handed over, and of the files that they came from.
public struct StreamedImages: Sendable {
    /// The index of each image in its file order, ascending.
    public let indices: [Int32]
    /// The label of each image.
    public let labels: [UInt8]
    /// As ``ImageSet/contentDigest``.
    public let contentDigest: String
    /// The files that were read, each verified whole.
    public let files: [FileReport]
}
