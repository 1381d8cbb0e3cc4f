import Testing

/// Marks tests that start ranks: `cluster/test mpirun` runs those that have this trait, by themselves or by their
/// suite, and `cluster/test unit` all others.
public struct UnderMPIRun: SuiteTrait, TestTrait {
    /// True where a suite's tests have it too.
    public var isRecursive: Bool { true }
}

extension Trait where Self == UnderMPIRun {
    /// The test, or all of the suite, starts ranks.
    public static var underMPIRun: Self { UnderMPIRun() }
}
