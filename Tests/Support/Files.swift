import Essentials
import Foundation

/// Runs the body with a new directory, which is removed in the end.
public func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = (NSTemporaryDirectory() as NSString).appendingPathComponent("steadfast-" + UUID().uuidString)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
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
