/// A format of other programs, whose files are read in a process of their own first (``UntrustedDecoder``).
public protocol ForeignFormat: Sendable {
    /// Its name for that process.
    static var name: String { get }
    /// Reads a file as far as it can be read by itself: the work of that process.
    ///
    /// - Throws: `Failure` 65 where it is not of the format, 66 or 74 where it cannot be read.
    static func decode(_ path: String) throws
}

/// The formats of other programs.
public enum ForeignFormats {
    private static let all: [any ForeignFormat.Type] = [ONNXFormat.self, SafetensorsFormat.self]

    /// The format of a name; nil for another one.
    public static func named(_ name: String) -> (any ForeignFormat.Type)? { all.first { $0.name == name } }
}
