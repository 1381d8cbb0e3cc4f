/// An elementwise operation that most formats for networks know by a name; x is the result of the one before.
public enum ElementaryOperation: Hashable, Sendable {
    /// max(0, x).
    case relu
    /// 1 / (1 + exp(-x)).
    case sigmoid
    /// tanh x.
    case tanh
    /// x above 0, slope x below.
    case leakyReLU(slope: Float)
    /// min(high, max(low, x)).
    case clip(low: Float, high: Float)
    /// min(1, max(0, slope x + offset)).
    case hardSigmoid(slope: Float, offset: Float)
    /// |x|.
    case absolute
    /// -x.
    case negated
    /// x x.
    case square
    /// exp(x).
    case exponential
    /// 1 - x.
    case oneMinus
    /// x times the input of the whole function.
    case timesInput
}
