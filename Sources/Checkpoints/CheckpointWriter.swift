import Checkpoints
import Essentials
import Foundation

/// Writes a run's checkpoints beside the training, one at a time: the step waits for a copy of the state, not for packing, digests
/// and the disk. Local, for the rank that has the run's directory.
final class CheckpointWriter: @unchecked Sendable {
    /// A checkpoint that is whole on the disk.
    struct Saved {
        let step: Int
        let isBest: Bool
    }

    private let run: RunDirectory
    private let keep: Int
    // What follows is the condition's.
    private let condition = NSCondition()
    private var isWriting = false
    private var outcome: Result<Saved, Error>?

    init(_ run: RunDirectory, keep: Int) {
        self.run = run
        self.keep = keep
    }

    /// Begins to write a checkpoint; what became of the one before has been taken.
    func start(_ checkpoint: Checkpoint, isBest: Bool) {
        condition.withLock {
            precondition(!isWriting && outcome == nil, "a checkpoint is under way")
            isWriting = true
        }
        let thread = Thread { [self] in
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
        // As the first thread's: HDF5 and zlib were written for that.
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// The checkpoint that was finished since the last call, if there is one; with `waiting` that under way, too. Allocates nothing
    /// where there is none.
    ///
    /// - Throws: as `RunDirectory.save`.
    func take(waiting: Bool) throws -> Saved? {
        condition.lock()
        defer { condition.unlock() }
        while waiting && isWriting { condition.wait() }
        guard let result = outcome else { return nil }
        outcome = nil
        return try result.get()
    }
}
