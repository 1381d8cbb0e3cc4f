/// Rows and columns.
public struct Extent: Hashable, Sendable, ExpressibleByIntegerLiteral {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// So many rows and columns.
    public init(_ height: Int, _ width: Int) { (self.height, self.width) = (height, width) }
    /// As many rows as columns.
    public init(integerLiteral side: Int) { self.init(side, side) }
}
