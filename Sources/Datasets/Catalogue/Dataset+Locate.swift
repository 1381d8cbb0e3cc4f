import Essentials
import Foundation
import Kernels

extension Dataset {
    /// The names that are known without a folder of the user's.
    public static var knownNames: [String] { KnownDataset.all.map(\.name) }

    /// The images' shape and the classes of a known set as it is published, whether its files are there or not; nil for
    /// another name. Classes have names where they are no numbers.
    public static func published(_ name: String) -> (shape: ImageShape, classes: Int, classNames: [String]?)? {
        KnownDataset.named(name).map { ($0.shape, $0.classes, $0.classNames) }
    }

    /// The names of the built-in sets, which are drawn by the program.
    public static var generatedNames: [String] { KnownDataset.all.filter(\.isGenerated).map(\.name) }

    /// The folders that hold one folder a data set, in the order in which they are searched: `directory`,
    /// `$STEADFAST_DATA`, `~/.cache/steadfast`.
    public static func searchFolders(directory: String?) -> [String] {
        let environment = ProcessInfo.processInfo.environment
        let cache = (homeDirectory() as NSString).appendingPathComponent(".cache/steadfast")
        return [directory, environment["STEADFAST_DATA"], cache].compactMap { $0 }.filter { !$0.isEmpty }
            .map(\.expandingHome)
    }

    /// Finds a data set and reads its headers.
    ///
    /// `glyphs` is built in. Any other name is a folder in the first of `searchFolders` that has it; a `directory` that
    /// itself holds the files will do. A name with a slash, or with the ending of a format (`shapes.npz`), is a path:
    /// of a folder or file of any format of the catalogue, with parameters behind it, `shapes.h5:images=x:labels=y`.
    /// The classes of a set that is not known by name are counted from its labels.
    ///
    /// - Throws: `Failure` 66 where it is not found, 65 where a header is wrong, 64 for a wrong parameter.
    public static func locate(_ name: String, directory: String? = nil) throws -> Dataset {
        try locate(name, directory: directory, cifarRecords: CIFAR10Format.officialRecords)
    }

    package static func locate(_ name: String, directory: String?, cifarRecords: Int) throws -> Dataset {
        if let known = KnownDataset.named(name), case .generated(let files) = known.origin {
            return Dataset(name, files, folder: nil)
        }
        var path = name
        let options = try DataOptions(cutFrom: &path)
        let isPath = path.contains("/") || path == "." || path == ".." || DataFormats.ofFile(path) != nil
        var places: [String] = []
        if isPath {
            places = [path.expandingHome]
        } else {
            places = searchFolders(directory: directory).map { ($0 as NSString).appendingPathComponent(path) }
            if let directory, !directory.isEmpty { places.insert(directory.expandingHome, at: 1) }
        }
        let known = KnownDataset.named(isPath ? lastComponent(places[0]) : path)
        var complaints: [String] = []
        for place in places {
            let request = DataRequest(path: place, known: known, options: options, cifarRecords: cifarRecords)
            switch try open(request) {
            case .found(let files):
                let last = lastComponent(place)
                let own = DataFormats.ofFile(place) == nil ? last : (last as NSString).deletingPathExtension
                return Dataset(known?.name ?? own, try files.splitting(options), folder: place)
            case .missing(let complaint), .partial(let complaint): complaints.append(complaint)
            }
        }
        // Who names a path has files of his own, and so has who forgot that a path has a slash.
        let isHere = !isPath && !path.isEmpty && access(path, F_OK) == 0
        let advice =
            isHere ? "; for the one here write ./\(name)" : isPath && known == nil ? "" : "; " + advice(path, known)
        throw Failure(.noInput, "data set '\(name)' not found: \(complaints.joined(separator: "; "))\(advice)")
    }

    /// The last component of a path, whatever it is a link to.
    private static func lastComponent(_ path: String) -> String {
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

    /// Opens a place by the format of its known set, of its ending, or by the first one of the catalogue that finds its
    /// files there.
    private static func open(_ request: DataRequest) throws -> DataOpening {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: request.path, isDirectory: &isFolder)
        if exists, !isFolder.boolValue {
            guard let format = DataFormats.ofFile(request.path) else {
                return .missing("\(request.path) is a file of no known ending (\(DataFormats.endings))")
            }
            try format.checkParameters(request)
            return try format.open(request)
        }
        guard exists else { return .missing("no folder or file \(request.path)") }
        let formats = request.known?.format.map { [$0] } ?? DataFormats.all
        var (complaint, partly) = ("", String?.none)
        for format in formats {
            switch try format.open(request) {
            case .found(let files):
                try format.checkParameters(request)
                return .found(files)
            case .missing(let lack): if complaint.isEmpty { complaint = lack }
            case .partial(let lack): partly = partly ?? lack
            }
        }
        // A folder of nobody's making lacks all that could be there.
        complaint = partly ?? (request.known == nil ? DataFormats.lacking(request.path) : complaint)
        return .missing("\(request.path) \(complaint)")
    }
}
