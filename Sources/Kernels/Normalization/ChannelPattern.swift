/// The repetition of channels along flat channels-last data, in whole vectors.
///
/// A value for each channel is laid out `period / channels` times in a row (`period` = the least common multiple of the
/// channels and the vector's 16 elements), so that an elementwise kernel walks flat data and its coefficients side by
/// side, whatever the number of channels.
public struct ChannelPattern: Hashable, Sendable {
    /// The number of channels.
    public let channels: Int
    /// The length of the repeating part, a multiple of 16 and of `channels`.
    public let period: Int

    /// The pattern of a number of channels.
    public init(channels: Int) {
        precondition(channels > 0, "a pattern of \(channels) channels")
        self.channels = channels
        var period = channels
        while period % 16 != 0 { period += channels }
        self.period = period
    }

    /// Writes a value for each channel (`channels` of them) into a row of coefficients (`period` of them).
    public func expand(_ values: UnsafePointer<Float>, into row: UnsafeMutablePointer<Float>) {
        for start in stride(from: 0, to: period, by: channels) {
            (row + start).update(from: values, count: channels)
        }
    }

    /// Folds sums kept at each position of the pattern (`period` of them) into one for each channel, in ascending
    /// order.
    func fold(_ row: UnsafePointer<Double>, into sums: UnsafeMutablePointer<Double>) {
        sums.update(from: row, count: channels)
        for start in stride(from: channels, to: period, by: channels) {
            for c in 0..<channels { sums[c] += row[start + c] }
        }
    }

    /// Calls `body(offset in the data, offset in the pattern, number of valid elements)` for each vector of `count`
    /// elements that begin at a channel 0. Whole vectors are apart from the last, cut one, so that their code is
    /// compiled without a choice in it.
    @inline(__always)
    func forEachVector(_ count: Int, _ body: (Int, Int, Int) -> Void) {
        var (i, p) = (0, 0)
        while i + 16 <= count {
            body(i, p, 16)
            i += 16
            p += 16
            if p == period { p = 0 }
        }
        if i < count { body(i, p, count - i) }
    }
}
