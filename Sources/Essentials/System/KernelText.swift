import Foundation

/// The text of a file that the kernel makes up as it is read, /proc/self/maps for one; empty where there is none.
///
/// Such files say that they have no size, and Foundation's `String(contentsOfFile:)` stops after the first 4 kB of
/// them.
public func kernelText(_ path: String) -> String {
    guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.readToEnd() else { return "" }
    return String(decoding: bytes, as: UTF8.self)
}

/// The first line of such a file that begins with a key; nil where there is none.
public func kernelLine(_ key: String, in path: String) -> Substring? {
    kernelText(path).split(separator: "\n").first { $0.hasPrefix(key) }
}
