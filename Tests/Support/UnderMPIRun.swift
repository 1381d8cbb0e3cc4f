import Foundation
import Testing

/// Marks tests that start ranks: `cluster/test mpirun` runs those that have this trait, by themselves or by their
/// suite, and `cluster/test unit` all others.
///
/// Such a test waits for its ranks about half of its time. It does so on a thread beside those of Swift's tasks, of
/// which there is one a core, so that more tests than cores run at once.
public struct UnderMPIRun: SuiteTrait, TestTrait, TestScoping {
    /// True where a suite's tests have it too.
    public var isRecursive: Bool { true }

    /// Runs the test on a thread of its own.
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Waiters.shared) { try await function() }
    }
}

/// Threads for tests that wait, three for two cores.
private final class Waiters: TaskExecutor {
    static let shared = Waiters()

    private let queue = OperationQueue()

    private init() { queue.maxConcurrentOperationCount = (3 * ProcessInfo.processInfo.activeProcessorCount + 1) / 2 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.addOperation { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

extension Trait where Self == UnderMPIRun {
    /// The test, or all of the suite, starts ranks.
    public static var underMPIRun: Self { UnderMPIRun() }
}
