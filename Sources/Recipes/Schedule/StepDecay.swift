/// The rule that scales the steps of an iterated attack after the first one.
public enum StepDecay: String, Hashable, Sendable, CaseIterable {
    /// Equal steps.
    case constant
    /// Steps that shrink linearly towards 0; with a first step of the radius far stronger than as many equal steps.
    case linear

    /// The size of a step, counted from 0, relative to the first one.
    public func share(_ step: Int, of steps: Int) -> Double {
        self == .constant ? 1 : 1 - Double(step) / Double(max(1, steps))
    }
}
