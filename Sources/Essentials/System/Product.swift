import CVersion
import Foundation

/// The product's name and version.
public enum Product {
    /// The version, written into every file: `0.2.0+1a2b3c4`, with the commit of the build where it is known.
    public static let version: String = {
        let commit = String(cString: steadfast_commit())
        return number + (commit.isEmpty ? "" : "+" + commit)
    }()

    /// The version's number alone.
    public static let number = "0.2.0"

    /// The SHA-256 of the running program's file, in hexadecimal; empty where it cannot be read.
    public static var buildDigest: String {
        guard let program = FileManager.default.contents(atPath: "/proc/self/exe") else { return "" }
        return program.withUnsafeBytes { Digest.of($0) }.hexadecimal
    }
}
