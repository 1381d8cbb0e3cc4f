import Essentials
import Foundation

extension Dataset {
    /// The names that `fetch` takes.
    public static var fetchableNames: [String] { KnownDataset.all.filter { !$0.mirrors.isEmpty }.map(\.name) }

    /// Downloads a data set's official files into `<directory>/<name>/` and returns their paths.
    ///
    /// A file that is there with the right checksum is left alone, one with another is not overwritten. Each is written
    /// to `<file>.partial`, which a later call resumes, and gets its name after its MD5 has been checked. Mirrors are
    /// tried in order. Blocks until all is done.
    ///
    /// - Parameters:
    ///   - name: one of `fetchableNames`.
    ///   - directory: the folder of data sets; by default the first of `searchFolders`.
    ///   - baseURL: an address that replaces the official mirrors.
    ///   - progress: called on the caller's thread, a few times a second.
    /// - Throws: `Failure` 64 for a name that cannot be fetched, 65 for a wrong checksum (the file is removed), 69
    ///   where no mirror delivers, 73 or 74 where the file cannot be written.
    @discardableResult
    public static func fetch(
        _ name: String, into directory: String? = nil, baseURL: String? = nil,
        progress: (FetchProgress) -> Void = { _ in }
    ) throws -> [String] {
        guard let known = KnownDataset.named(name) else {
            throw Failure(.usage, unknownName("data set", name, among: fetchableNames))
        }
        guard let directory = searchFolders(directory: directory).first, !known.archives.isEmpty else {
            throw Failure(.usage, "data set '\(name)' is built in: there is nothing to fetch")
        }
        let mirrors = baseURL.map { [$0.hasSuffix("/") ? $0 : $0 + "/"] } ?? known.mirrors
        return try fetch(
            known.archives, mirrors: mirrors,
            into: (directory as NSString).appendingPathComponent(name), progress: progress)
    }

    package static func fetch(
        _ files: [PublishedFile], mirrors: [String], into folder: String, patience: Double = 60,
        progress: (FetchProgress) -> Void
    ) throws -> [String] {
        try FileManager.default.makeDirectory(folder)
        return try files.map { file in
            let path = (folder as NSString).appendingPathComponent(file.name)
            if let there = try official(file, in: folder) { return there }
            guard !FileManager.default.fileExists(atPath: path) else {
                throw Failure(
                    .cannotCreate, "\(path) is there and is not the official file; move it away to fetch that one")
            }
            let partial = try PartialFile(path, md5: file.md5, content: file.content, patience: patience)
            return try partial.fetch(from: mirrors.map { $0 + file.name }, progress: progress)
        }
    }

    /// The path of a file whose content is the published one: the archive itself, or its content packed anew or plain.
    private static func official(_ file: PublishedFile, in folder: String) throws -> String? {
        let path = (folder as NSString).appendingPathComponent(file.name)
        if FileManager.default.fileExists(atPath: path), try md5(ofFile: path) == file.md5 { return path }
        guard let content = file.content, file.name.hasSuffix(".gz"),
            let there = ContentFile.find((file.name as NSString).deletingPathExtension, in: folder)
        else { return nil }
        let digest = RunningDigest()
        return try there.readable { try there.open().drain { digest.update($0) } } >= 0 && digest.finish() == content
            ? there.path : nil
    }
}
