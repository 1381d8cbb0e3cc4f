import Foundation

/// Files without a name, in the folder that `TMPDIR` names, else in /tmp: they go with their descriptor.
public enum TemporaryFile {
    /// Opens one for reading and writing; who takes it closes it. Programs that are started do not inherit it.
    ///
    /// - Throws: `Failure` 73 naming the folder where none can be made.
    public static func open() throws -> Int32 {
        let asked = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        let folder = asked.isEmpty ? "/tmp" : asked
        var template = Array("\(folder)/steadfast-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw systemFailure(.cannotCreate, "create", "a file in \(folder) (TMPDIR says another folder)")
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return descriptor
    }
}
