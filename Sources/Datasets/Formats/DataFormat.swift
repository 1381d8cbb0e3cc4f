import Essentials
import Foundation
import Kernels

/// A data format: recognises what lies at a path, and opens it. Each lies in a file of its own.
protocol DataFormat: Sendable {
    /// Its name for people.
    static var name: String { get }
    /// The endings of single files of the format, in lower case; none where a set is a folder.
    static var endings: [String] { get }
    /// The parameters that it takes behind a path, beside those of all formats.
    static var parameters: Set<String> { get }
    /// Opens what lies at the request's path: reads headers, no content.
    ///
    /// - Throws: `Failure` 65 where a file of the format is damaged or says what cannot be.
    static func open(_ request: DataRequest) throws -> DataOpening
}

extension DataFormat {
    static var endings: [String] { [] }
    static var parameters: Set<String> { [] }

    /// Refuses parameters that would say nothing.
    ///
    /// - Throws: `Failure` 64 naming the first.
    static func checkParameters(_ request: DataRequest) throws {
        let vain = request.options.given.subtracting(parameters).subtracting(DataOptions.ofAll)
        if let first = vain.sorted().first {
            throw Failure(
                .usage, "\(request.path): a set of the format \(name) takes no parameter '\(first)'; leave it out")
        }
    }
}

/// The outcome of looking for a format at a path.
enum DataOpening {
    case found(any DataFiles)
    /// It is not there; the text says what is lacking, after the path: "lacks a.bin".
    case missing(String)
    /// Some of its files are there, and others lacking, as the text says.
    case partial(String)
}

/// The catalogue of formats, in the order in which a folder is tried; the first one says what it lacks.
enum DataFormats {
    static let all: [any DataFormat.Type] = [
        IDXFormat.self, CIFAR10Format.self, CIFAR100Format.self, ShiftFormat.self, NPYFormat.self, MATFormat.self,
        HDF5Format.self, PictureFormat.self,
    ]

    /// The endings of single files, for people.
    static var endings: String { all.flatMap { $0.endings }.map { "." + $0 }.joined(separator: ", ") }

    /// The contents of a folder without a data set, in words for people.
    static func lacking(_ folder: String) -> String {
        let asked = "pictures (PNG, JPEG) have to lie in folders, one a class: train/CLASS/ and test/CLASS/, or CLASS/"
        if PictureTree.holdsPictures(folder) { return "holds pictures, but no folders of them: \(asked)" }
        if PictureTree.folders(folder).isEmpty {
            return "holds neither IDX files, CIFAR's records, .npy nor .mat files, nor folders of pictures"
        }
        return "holds no data set: \(asked)"
    }

    /// The format of a single file by its ending.
    static func ofFile(_ path: String) -> (any DataFormat.Type)? {
        let ending = (path as NSString).pathExtension.lowercased()
        return all.first { $0.endings.contains(ending) }
    }
}

/// A place where a data set is looked for.
struct DataRequest {
    /// The folder or file.
    let path: String
    /// The catalogue's entry, where the set has one.
    let known: KnownDataset?
    /// The parameters that follow the path in the name.
    var options = DataOptions()
    /// Records of a file of CIFAR-10's binary version.
    var cifarRecords = CIFAR10Format.officialRecords

    /// A file of the folder.
    func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }
}

/// A data set as its format opened it.
protocol DataFiles: Sendable {
    /// The shape of its images.
    var shape: ImageShape { get }
    /// The number of classes.
    var classes: Int { get }
    /// The classes' names; nil where they are numbers.
    var classNames: [String]? { get }
    /// Images of the training files.
    var trainCount: Int { get }
    /// Images of the test files.
    var testCount: Int { get }
    /// The files.
    var paths: [String] { get }
    /// Sentences that a user has to know of how the files were understood.
    var notes: [String] { get }

    /// The label of each image of a split; `.validation` is never asked for.
    func labels(_ split: Split) throws -> [UInt8]

    /// Training images of a chunk.
    var chunkRows: Int { get }

    /// Streams a split, as `Dataset.stream`; `.validation` is never asked for.
    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages
}

extension DataFiles {
    var notes: [String] { [] }

    /// As the conversion cuts them.
    var chunkRows: Int { DataFile.rows(of: shape, count: trainCount) }

    /// Out of the images' stream, where a format has no shorter way.
    func labels(_ split: Split) throws -> [UInt8] { try stream(split, wanted: { _ in true }) { _, _ in }.labels }

    /// Images of the files of a split.
    func count(_ split: Split) -> Int { split == .test ? testCount : trainCount }
}
