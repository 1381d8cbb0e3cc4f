import Foundation

/// Files without a name, which go with their descriptor, and folders for a while, in the folder that `TMPDIR` names,
/// else in /tmp.
public enum TemporaryFile {
    /// Opens a file for reading and writing; who takes it closes it. Programs that are started do not inherit it.
    ///
    /// - Throws: `Failure` 73 naming the folder where none can be made.
    public static func open() throws -> Int32 {
        var template = template
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw refusal("a file") }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return descriptor
    }

    /// Makes an empty folder, which the caller removes.
    ///
    /// - Throws: as ``open()``.
    public static func makeFolder() throws -> String {
        var template = template
        guard mkdtemp(&template) != nil else { throw refusal("a folder") }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Runs the body with a new folder, which is removed in the end.
    ///
    /// - Throws: as ``open()``, and what the body throws.
    public static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    private static var parent: String {
        let asked = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        return asked.isEmpty ? "/tmp" : asked
    }

    private static var template: [CChar] { Array("\(parent)/steadfast-XXXXXX".utf8CString) }

    private static func refusal(_ what: String) -> Failure {
        systemFailure(.cannotCreate, "create", "\(what) in \(parent) (TMPDIR says another folder)")
    }
}
