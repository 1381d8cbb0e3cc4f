import Essentials
import Foundation
import Kernels

extension Dataset {
    /// The names that are known without a folder of the user's.
    public static var knownNames: [String] { KnownDataset.all.map(\.name) }

    /// The images' shape and the classes of a known set as it is published, whether its files are there or not; nil for
    /// another name.
    public static func published(_ name: String) -> (shape: ImageShape, classes: Int)? {
        KnownDataset.named(name).map { ($0.shape, $0.classes) }
    }

    /// The names of the built-in sets, which are drawn by the program.
    public static var generatedNames: [String] { KnownDataset.all.filter { $0.format == .generated }.map(\.name) }

    /// The folders that hold one folder a data set, in the order in which they are searched: `directory`,
    /// `$STEADFAST_DATA`, `~/.cache/steadfast`.
    public static func searchFolders(directory: String?) -> [String] {
        let environment = ProcessInfo.processInfo.environment
        let cache = (homeDirectory() as NSString).appendingPathComponent(".cache/steadfast")
        return [directory, environment["STEADFAST_DATA"], cache].compactMap { $0 }.filter { !$0.isEmpty }
            .map { ($0 as NSString).expandingTildeInPath }
    }

    /// Finds a data set and reads its headers.
    ///
    /// `glyphs` is built in. Any other name is a folder in the first of `searchFolders` that has it; a `directory` that
    /// itself holds the files will do, and so will a path in place of the name. The files are the four IDX files or
    /// CIFAR-10's binary ones (plain, .gz, or the official .tar.gz). The classes of a folder that is not known by name
    /// are counted from its training labels.
    ///
    /// - Throws: `Failure` 66 where it is not found, 65 where a header is wrong.
    public static func locate(_ name: String, directory: String? = nil) throws -> Dataset {
        try locate(name, directory: directory, cifarRecords: CIFARFiles.officialRecords)
    }

    package static func locate(_ name: String, directory: String?, cifarRecords: Int) throws -> Dataset {
        if generatedNames.contains(name) {
            return Dataset(description: Glyphs.description, folder: nil, storage: .glyphs)
        }
        var folders: [String] = []
        if name.contains("/") || name == "." || name == ".." {
            folders = [(name as NSString).expandingTildeInPath]
        } else {
            folders = searchFolders(directory: directory).map { ($0 as NSString).appendingPathComponent(name) }
            if let directory, !directory.isEmpty {
                folders.insert((directory as NSString).expandingTildeInPath, at: 1)
            }
        }
        let known = KnownDataset.named(folders.count == 1 ? folderName(folders[0]) : name)
        var complaints: [String] = []
        for folder in folders {
            switch try openFolder(folder, name: name, known: known, cifarRecords: cifarRecords) {
            case .found(let dataset): return dataset
            case .missing(let complaint): complaints.append(complaint)
            }
        }
        throw Failure(
            .noInput, "data set '\(name)' not found: \(complaints.joined(separator: "; ")); \(advice(name, known))")
    }

    /// The last component of a path, whatever it is a link to.
    private static func folderName(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return whole.split(separator: "/").last { $0 != "." }.map(String.init) ?? path
    }

    private static func advice(_ name: String, _ known: KnownDataset?) -> String {
        if let known, !known.mirrors.isEmpty {
            return "get it with `steadfast data fetch \(known.name)`, or say where it is with --data-directory"
        }
        let nearest = nearestName(to: name, among: knownNames).map { "did you mean '\($0)'? " } ?? ""
        return nearest + "`steadfast data fetch NAME` gets one of \(fetchableNames.joined(separator: ", "))"
    }

    private enum Opening {
        case found(Dataset)
        case missing(String)
    }

    private static func openFolder(
        _ folder: String, name: String, known: KnownDataset?, cifarRecords: Int
    ) throws -> Opening {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            return .missing("no folder \(folder)")
        }
        let name = known?.name ?? folderName(folder)
        let cifar = CIFARFiles.find(in: folder, records: cifarRecords)
        if known?.format != .idx, let files = cifar.files { return .found(Dataset(name, cifar: files, folder: folder)) }
        if known?.format == .cifar { return .missing("\(folder) lacks \(cifar.missing) (plain or .gz)") }

        var files: [ContentFile] = []
        for alternatives in [
            ["train-images-idx3-ubyte", "train-images-idx4-ubyte"], ["train-labels-idx1-ubyte"],
            ["t10k-images-idx3-ubyte", "t10k-images-idx4-ubyte"], ["t10k-labels-idx1-ubyte"],
        ] {
            guard let file = alternatives.lazy.compactMap({ ContentFile.find($0, in: folder) }).first else {
                return .missing("\(folder) lacks \(alternatives[0]) (plain or .gz)")
            }
            files.append(file)
        }
        let train = try IDXSplit(images: files[0], labels: files[1])
        let test = try IDXSplit(images: files[2], labels: files[3])
        return .found(try Dataset(name, train: train, test: test, folder: folder, known: known))
    }

    private init(_ name: String, cifar: CIFARFiles, folder: String) {
        description = DatasetDescription(
            name: name, shape: CIFARFiles.shape, classes: CIFARFiles.classNames.count,
            classNames: CIFARFiles.classNames, trainCount: cifar.train.count * cifar.records,
            testCount: cifar.test.count * cifar.records,
            files: cifar.archive.map { [$0] } ?? (cifar.train + cifar.test).map(\.path))
        self.folder = folder
        storage = .cifar(cifar)
    }

    private init(_ name: String, train: IDXSplit, test: IDXSplit, folder: String, known: KnownDataset?) throws {
        guard train.shape == test.shape else {
            throw Failure(
                .data,
                "\(train.images.label) holds \(train.shape) images but \(test.images.label) \(test.shape) ones; "
                    + "both splits need the same shape")
        }
        guard train.count > 0 else { throw Failure(.data, "\(train.images.label) holds no images") }
        let classes = try known?.classes ?? Int(train.largestLabel() ?? 0) + 1
        description = DatasetDescription(
            name: name, shape: train.shape, classes: classes, classNames: known?.classNames, trainCount: train.count,
            testCount: test.count, files: [train.images, train.labels, test.images, test.labels].map(\.path))
        self.folder = folder
        storage = .idx(train: train, test: test)
    }
}
