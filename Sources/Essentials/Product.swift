import Foundation

/// The product's name and version.
public enum Product {
    /// Written into every file.
    public static let version = "0.1.0"

    /// The SHA-256 of the running program's file, in hexadecimal; empty where it cannot be read.
    public static var buildDigest: String {
        guard let program = FileManager.default.contents(atPath: "/proc/self/exe") else { return "" }
        return program.withUnsafeBytes { Digest.of($0) }.hexadecimal
    }
}
