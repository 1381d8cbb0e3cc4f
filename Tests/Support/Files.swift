import Essentials
import Foundation

/// Runs the body with a new directory, which is removed in the end.
public func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    try TemporaryFile.withFolder(body)
}

/// A folder that is removed with its owner.
public final class TemporaryFolder {
    /// Where it is.
    public let path: String

    /// Makes an empty one.
    public init() throws { path = try TemporaryFile.makeFolder() }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in it.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Makes a file of these bytes.
    public func write(_ content: [UInt8], to name: String) throws { try TestSupport.write(content, to: file(name)) }

    /// The content of a file.
    public func read(_ name: String) throws -> [UInt8] { try bytes(of: file(name)) }
}

/// The content of a file.
public func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Makes a file of these bytes.
public func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// The folder that holds a real data set's folder: $STEADFAST_DATA, else `../shared/data` beside the package; nil where
/// the set is not there. Tests that need it are `.enabled(if:)` by it, so that they are reported as skipped.
public func realData(_ name: String) -> String? {
    let folders = [ProcessInfo.processInfo.environment["STEADFAST_DATA"], packageFolder + "/../shared/data"]
    return folders.compactMap { $0 }.first { FileManager.default.fileExists(atPath: "\($0)/\(name)") }
}
