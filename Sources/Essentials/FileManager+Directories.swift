import Foundation

extension FileManager {
    /// Whether there is a directory at a path.
    public func isDirectory(_ path: String) -> Bool {
        var directory: ObjCBool = false
        return fileExists(atPath: path, isDirectory: &directory) && directory.boolValue
    }

    /// Makes a directory and those above it, where they are not there.
    public func makeDirectory(_ path: String) throws {
        do { try createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw Failure(.cannotCreate, "cannot create the directory \(path): \(error.localizedDescription)")
        }
    }
}
