/// The shape of an image. Images are stored channels-last (height x width x channels), row major.
public struct ImageShape: Codable, Hashable, Sendable {
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int
    /// Values of a pixel.
    public let channels: Int

    /// Makes a shape; every dimension is at least 1.
    public init(height: Int, width: Int, channels: Int) {
        precondition(height > 0 && width > 0 && channels > 0, "an image of \(height) x \(width) x \(channels)")
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// Values of an image: height x width x channels.
    public var count: Int { height * width * channels }
}

extension ImageShape: CustomStringConvertible {
    /// `28x28x1`.
    public var description: String { "\(height)x\(width)x\(channels)" }
}
