import Checkpoints
import Essentials
import HDF5Files
import MessagePassing

/// The result of a replay.
public struct ReplayReport: Sendable {
    /// The steps that were computed again.
    public let steps: Int
    /// The SHA-256 over /model, /optimizer and /input, equal in both.
    public let digest: String
}

extension Trainer {
    /// Trains from where it stands to the step of a later checkpoint, and compares all that training decides, bit for
    /// bit.
    ///
    /// Collective: every rank of the communicator calls this, with the goal on rank 0.
    ///
    /// - Throws: `Failure` 65 where they differ, naming the first tensor; 64 where the goal lies before; 70 and 71 as
    ///   `train`; 75 where a signal asked to stop.
    public func replay(to goal: Checkpoint?) throws -> ReplayReport {
        let first = state.step
        let last = try communicator.broadcast(goal?.header.step ?? 0)
        try communicator.agree {
            guard last > first else {
                throw Failure(
                    .usage,
                    "nothing lies between step \(first) and step \(last): give an earlier --from; --from 0 starts at "
                        + "the initial weights")
            }
        }
        while state.step < last {
            let stopped = try step()
            let endsEpoch = state.step % engine.stepsPerEpoch == 0
            if endsEpoch { state.epochSums = TrainingSums() }
            try communicator.agree {
                if stopped { throw Failure(.stopped, "stopped by a signal at step \(state.step) of \(last)") }
            }
        }
        let digest = try communicator.agree { () -> String in
            guard let goal else { return "" }
            let made = checkpoint
            try require(made, equals: goal, since: first)
            return made.trainingDigest
        }
        return ReplayReport(steps: last - first, digest: try communicator.broadcast(digest))
    }

    private func require(_ made: Checkpoint, equals goal: Checkpoint, since first: Int) throws {
        let layers = model.layout.entries.flatMap {
            [CheckpointLayout.parameter($0.name)] + setup.optimizer.paths(of: $0.name)
        }
        let known = layers + [CheckpointLayout.epochSums]
        let rest = made.tensors.keys.filter { path in
            CheckpointLayout.usable.contains { $0.contains(path) } && !known.contains(path)
        }
        for name in layers + rest.sorted() + [CheckpointLayout.epochSums] {
            guard let mine = made.tensors[name], let theirs = goal.tensors[name], mine != theirs else {
                guard goal.tensors[name] == nil else { continue }
                throw Failure(.data, "\(goal.source) holds no /\(name): give a checkpoint that a run wrote")
            }
            throw Failure(
                .data,
                "\(goal.source) does not follow from step \(first): /\(name) is the first that differs"
                    + Self.difference(mine, theirs)
                    + "; it was changed, or trained by another build, on another type of CPU or on a faulty host")
        }
    }

    private static func difference(_ mine: Tensor, _ theirs: Tensor) -> String {
        guard mine.shape == theirs.shape, case .float32(let a) = mine.elements, case .float32(let b) = theirs.elements
        else { return "" }
        let places = a.indices.filter { a[$0].bitPattern != b[$0].bitPattern }
        let largest = places.map { abs(a[$0] - b[$0]) }.max() ?? 0
        return ", in \(places.count) of \(a.count) numbers, by at most \(largest)"
    }
}
