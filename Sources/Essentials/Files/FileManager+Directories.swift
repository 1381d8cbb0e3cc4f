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
        var folder = path.hasPrefix("/") ? "/" : ""
        var made: [String] = []
        for name in path.split(separator: "/") {
            folder += (folder.isEmpty || folder == "/" ? "" : "/") + name
            if mkdir(folder, 0o775) == 0 {
                made.append(folder)
            } else if errno != EEXIST && !isDirectory(folder) {
                let failure = systemFailure(.cannotCreate, "make the directory", folder)
                for folder in made.reversed() { rmdir(folder) }
                throw failure
            }
        }
        guard isDirectory(path) else {
            throw Failure(.cannotCreate, "\(path) is not a directory; choose another one")
        }
        return made
    }
}
