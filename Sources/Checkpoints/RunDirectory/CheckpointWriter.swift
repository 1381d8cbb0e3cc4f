import Essentials
import Foundation

/// Writes a run's checkpoints beside the training, one at a time: the step waits for a copy of the state, not for
/// packing, digests and the disk. Where no thread is to be had it waits for all. Local, for the rank that has the run's
/// directory.
package final class CheckpointWriter: @unchecked Sendable {
    /// A checkpoint that is whole on the disk.
    package struct Saved {
        package let step: Int
        package let isBest: Bool
    }

    private let run: RunDirectory
    private let keep: Int
    // What follows is the condition's.
    private let condition = NSCondition()
    private var isWriting = false
    private var outcome: Result<Saved, Error>?

    package init(_ run: RunDirectory, keep: Int) {
        self.run = run
        self.keep = keep
    }

    /// Begins to write a checkpoint; what became of the one before has been taken.
    package func start(_ checkpoint: Checkpoint, isBest: Bool) {
        condition.withLock {
            precondition(!isWriting && outcome == nil, "a checkpoint is under way")
            isWriting = true
        }
        let work = Work { [self] in
            let result = Result {
                try run.save(checkpoint, keep: keep, isBest: isBest)
                return Saved(step: checkpoint.header.step, isBest: isBest)
            }
            condition.withLock {
                isWriting = false
                outcome = result
                condition.broadcast()
            }
        }
        if !work.startThread() { work.body() }
    }

    /// Work for a thread of its own. Foundation's threads do not say that there was none to be had.
    private final class Work {
        let body: () -> Void

        init(_ body: @escaping () -> Void) { self.body = body }

        /// True where a thread does it; where the system has none left, nobody does.
        func startThread() -> Bool {
            var attributes = pthread_attr_t()
            guard pthread_attr_init(&attributes) == 0 else { return false }
            defer { pthread_attr_destroy(&attributes) }
            // As the first thread's: HDF5 and zlib were written for that.
            pthread_attr_setstacksize(&attributes, 8 << 20)
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            var thread = pthread_t()
            let retained = Unmanaged.passRetained(self)
            let error = pthread_create(
                &thread, &attributes,
                { argument in
                    if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
                    return nil
                }, retained.toOpaque())
            if error != 0 { retained.release() }
            return error == 0
        }
    }

    /// The checkpoint that was finished since the last call, if there is one; with `waiting` that under way, too.
    /// Allocates nothing where there is none.
    ///
    /// - Throws: as `RunDirectory.save`.
    package func take(waiting: Bool) throws -> Saved? {
        condition.lock()
        defer { condition.unlock() }
        while waiting && isWriting { condition.wait() }
        guard let result = outcome else { return nil }
        outcome = nil
        return try result.get()
    }
}
