/// The label of a sample, or a mixture of the labels of two (CutMix), in the 32 bits in which labels travel: a label
/// alone is its own number.
public struct MixedLabel: Equatable, Sendable {
    /// The label with the larger share.
    public let label: Int
    /// The label with the other share.
    public let other: Int
    /// The share of `other`, in units of 1 / 8192: 0 to 4096.
    private let units: Int

    private static let bits = 9
    private static let whole = 1 << 13

    /// The share of `other`, 0 to 1/2.
    public var share: Float { Float(units) / Float(Self.whole) }

    /// A mixture: `share` of `other`, rounded to 1 / 8192, the rest of `label`. Labels are below 512.
    public init(_ label: Int, _ other: Int, share: Double) {
        precondition((0..<512).contains(label) && (0..<512).contains(other), "labels \(label) and \(other)")
        let units = label == other ? 0 : Int((min(max(share, 0), 1) * Double(Self.whole)).rounded())
        let isMost = 2 * units > Self.whole
        self.label = isMost ? other : label
        self.units = isMost ? Self.whole - units : units
        self.other = self.units == 0 ? 0 : isMost ? label : other
    }

    /// As it travels.
    public init(packed: Int32) {
        label = Int(packed) & 511
        other = Int(packed) >> Self.bits & 511
        units = Int(packed) >> (2 * Self.bits)
    }

    /// As it travels: the label where nothing is mixed.
    public var packed: Int32 { Int32(label | other << Self.bits | units << (2 * Self.bits)) }
}
