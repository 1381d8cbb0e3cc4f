import Essentials
import Foundation

/// A data set as it was found: headers read, content not yet.
public struct Dataset: Sendable {
    enum Storage: Sendable {
        case glyphs
        case idx(train: IDXSplit, test: IDXSplit)
        case cifar(CIFARFiles)
    }

    /// Its name, shape, classes and counts.
    public let description: DatasetDescription
    /// The folder that holds its files; nil where it is generated.
    public let folder: String?
    let storage: Storage

    /// Streams the split's files once, verifies them whole, and keeps the images whose index `keep` accepts.
    ///
    /// `.train` and `.validation` both read the training files: take the indices from `Splits`. An index is the
    /// position in the files, 0..<trainCount or 0..<testCount. At most a piece of 1 MiB (or one image) is held beside
    /// the kept bytes.
    ///
    /// - Throws: `Failure` 65 where a file is truncated, longer than it should be, does not decompress, or has a label
    ///   out of range; 66 or 74 where it cannot be read.
    public func read(_ split: Split, keep: (Int) -> Bool) throws -> ImageSet {
        let known = KnownDataset.named(description.name)
        switch storage {
        case .glyphs:
            return Glyphs.images(split == .test ? .test : .train, keep: keep)
        case .idx(let train, let test):
            return try (split == .test ? test : train).read(classes: description.classes, known: known, keep: keep)
        case .cifar(let files):
            return try files.read(split == .test ? files.test : files.train, known: known, keep: keep)
        }
    }

    /// Reads the whole split.
    public func read(_ split: Split) throws -> ImageSet { try read(split) { _ in true } }
}
