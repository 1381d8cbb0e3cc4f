/// An elementwise operation that most formats for networks know by a name; x is the result of the one before.
public enum ElementaryOperation: Hashable, Sendable {
    /// max(0, x).
    case relu
    /// 1 / (1 + exp(-x)).
    case sigmoid
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
}
