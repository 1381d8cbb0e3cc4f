/// Dropout (Srivastava et al. 2014) in its form for training: an element is zero with probability `rate`, and else
/// divided by 1 - rate, so that its mean stays.
public struct Dropout: Hashable, Sendable {
    /// The probability, in 0..<1.
    public let rate: Double
    /// The layer's number among a network's dropout layers, from 0.
    public let number: Int

    /// Makes the settings.
    public init(rate: Double, number: Int) {
        self.rate = rate
        self.number = number
    }

    /// The factor on an element that stays.
    fileprivate var factor: Float { Float(1 / (1 - rate)) }
}

/// y = x / (1 - rate) where an element stays, else 0, over `count` elements; `mask` is 1 where it stays. Each element
/// takes 32 random bits, in order.
public func dropout(
    _ y: UnsafeMutablePointer<Float>, mask: UnsafeMutablePointer<UInt8>, _ x: UnsafePointer<Float>, count: Int,
    _ dropout: Dropout, _ random: Philox
) {
    var random = random
    let (factor, limit) = (dropout.factor, UInt32(dropout.rate * 0x1p32))
    for i in 0..<count {
        let bits: UInt32 = random.next()
        mask[i] = bits >= limit ? 1 : 0
        y[i] = bits >= limit ? factor * x[i] : 0
    }
}

/// The gradient of a dropout's input from that of its output, in place.
public func dropoutGradient(
    _ gradient: UnsafeMutablePointer<Float>, mask: UnsafePointer<UInt8>, count: Int, _ dropout: Dropout
) {
    let factor = dropout.factor
    for i in 0..<count { gradient[i] = mask[i] == 0 ? 0 : factor * gradient[i] }
}
