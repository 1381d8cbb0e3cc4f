import Essentials

/// The findings of `Dataset.verify`.
public struct VerificationReport: Sendable {
    /// The data set's name.
    public let name: String
    /// Its folder; nil where it is generated.
    public let folder: String?
    /// Each file with its digest, and whether it is the publisher's.
    public let files: [FileReport]
    /// SHA-256 of the content of each split that has images, as training and evaluation record it; one for both where
    /// the test split is drawn from the training files.
    public let digests: [(split: String, digest: String)]

    fileprivate init(_ dataset: Dataset, _ files: [FileReport], train: String, test: String) {
        let set = dataset.description
        (name, folder, self.files) = (set.name, dataset.folder, files)
        digests =
            dataset.files is HeldOutFiles
            ? [("the images of both splits", train)]
            : [("the training split", set.trainCount, train), ("the test split", set.testCount, test)]
                .filter { $0.1 > 0 }.map { ($0.0, $0.2) }
    }
}

extension Dataset {
    /// Reads a data set whole and compares it with the published digests.
    ///
    /// - Throws: `Failure` 65 where a file is damaged, or well formed but not the publisher's; 66 where it is missing.
    public static func verify(_ name: String, directory: String? = nil) throws -> VerificationReport {
        let dataset = try locate(name, directory: directory)
        if let file = dataset.dataFile {
            try file.verify()
            return VerificationReport(
                dataset, [FileReport(path: file.path, digest: file.contentDigest, isOfficial: nil)],
                train: file.train.digest, test: file.test.digest)
        }
        let (train, test) = (try dataset.readThrough(.train), try dataset.readThrough(.test))
        // Splits, or parts of one, may share files.
        var known = Set<FileReport>()
        let files = (train.files + test.files).filter { known.insert($0).inserted }
        let wrong = files.filter { $0.isOfficial == false }
        guard wrong.isEmpty else {
            let named = wrong.map { "\($0.path) (SHA-256 \($0.digest))" }.joined(separator: ", ")
            throw Failure(
                .data,
                "not the official content of '\(dataset.description.name)': \(named); remove what is wrong and run "
                    + "`steadfast data fetch \(dataset.description.name)`")
        }
        return VerificationReport(dataset, files, train: train.contentDigest, test: test.contentDigest)
    }
}

extension Dataset {
    /// The images of each class of a split. Reads the labels alone where the format allows it.
    ///
    /// - Throws: `Failure` as `stream`.
    public func counts(_ split: Split) throws -> [Int] {
        var counts = [Int](repeating: 0, count: description.classes)
        for label in try files.labels(split == .test ? .test : .train) { counts[Int(label)] += 1 }
        return counts
    }
}

/// A data set that the product knows, and where it is.
public struct DatasetListing: Sendable {
    /// The name to give.
    public let name: String
    /// The description; nil where the set is not there or not readable.
    public let description: DatasetDescription?
    /// The folder; nil where it is generated or not there.
    public let folder: String?
    /// Why there is no description.
    public let problem: Failure?
}

extension Dataset {
    /// Data sets, by default the known ones, each with where it was found. Reads headers only.
    public static func list(_ names: [String] = knownNames, directory: String? = nil) -> [DatasetListing] {
        names.map { name in
            do {
                let dataset = try locate(name, directory: directory)
                return DatasetListing(
                    name: name, description: dataset.description, folder: dataset.folder, problem: nil)
            } catch {
                let failure = (error as? Failure) ?? Failure(.software, "\(error)")
                return DatasetListing(name: name, description: nil, folder: nil, problem: failure)
            }
        }
    }
}
