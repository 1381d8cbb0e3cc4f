/// How far a download is.
public struct FetchProgress: Sendable {
    /// The file's name.
    public let file: String
    /// Bytes on the disk.
    public let received: Int
    /// Bytes of the whole file; nil where the server does not say.
    public let total: Int?
}
