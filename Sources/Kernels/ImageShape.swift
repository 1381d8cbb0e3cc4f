/// The size of an image or of a layer's output for one image, channels last: element (y, x, c) lies at
/// `(y * width + x) * channels + c`.
public struct ImageShape: Codable, Hashable, Sendable, CustomStringConvertible {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int
    /// Channels, innermost in memory.
    public var channels: Int

    /// Makes a shape.
    public init(height: Int, width: Int, channels: Int) {
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// The number of elements.
    public var count: Int { height * width * channels }
    /// The number of positions, each with all channels.
    public var area: Int { height * width }
    /// `28x28x1`.
    public var description: String { "\(height)x\(width)x\(channels)" }
}
