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
    public func makeDirectory(_ path: String) throws {
        var folder = path.hasPrefix("/") ? "/" : ""
        for name in path.split(separator: "/") {
            folder += (folder.isEmpty || folder == "/" ? "" : "/") + name
            if mkdir(folder, 0o775) != 0 && errno != EEXIST && !isDirectory(folder) {
                throw systemFailure(.cannotCreate, "make the directory", folder)
            }
        }
        guard isDirectory(path) else {
            throw Failure(.cannotCreate, "\(path) is not a directory; choose another one")
        }
    }
}
