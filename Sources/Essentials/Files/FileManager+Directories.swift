import Foundation

extension FileManager {
    /// True where there is a directory at a path.
    public func isDirectory(_ path: String) -> Bool {
        var directory: ObjCBool = false
        return fileExists(atPath: path, isDirectory: &directory) && directory.boolValue
    }

    /// Makes a directory and those above it, where they are not there: never writable by everybody, whatever the umask.
    ///
    /// - Throws: `Failure` 73 where that cannot be.
    public func makeDirectory(_ path: String) throws { _ = try makeMissingDirectories(path) }

    /// Makes a directory as `makeDirectory`.
    ///
    /// - Returns: the directories that were not there, from the uppermost on.
    /// - Throws: `Failure` 73 where that cannot be; what it made is then gone again.
    public func makeMissingDirectories(_ path: String) throws -> [String] {
        guard !path.isEmpty else { throw Failure(.cannotCreate, "an empty path names no directory: name one") }
        var folder = path.hasPrefix("/") ? "/" : ""
        var made: [String] = []
        for name in path.split(separator: "/") {
            folder += (folder.isEmpty || folder == "/" ? "" : "/") + name
            if mkdir(folder, 0o775) == 0 {
                made.append(folder)
                continue
            }
            guard errno != EEXIST else { continue }
            let failure = systemFailure(.cannotCreate, "make the directory", folder)
            // Where nothing may be made, as on a read-only disk, it may be there all the same.
            guard !isDirectory(folder) else { continue }
            for folder in made.reversed() { rmdir(folder) }
            throw failure
        }
        guard isDirectory(path) else {
            throw Failure(.cannotCreate, "\(path) is not a directory; choose another one")
        }
        return made
    }
}
