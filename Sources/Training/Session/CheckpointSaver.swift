import Checkpoints
import Essentials
import MessagePassing
import Recipes

/// Saves a run's checkpoints, each written while training goes on, and takes up the newest one.
final class CheckpointSaver {
    private let communicator: Communicator
    private let reporter: TrainingReporter?
    /// On rank 0 alone, where there is a run.
    private let run: RunDirectory?
    private let writer: CheckpointWriter?
    /// The step of the newest checkpoint that is written, and of the one that is being written.
    private var savedStep, savingStep: Int?
    /// The reason why a checkpoint could not be recorded in the metrics; on rank 0.
    private(set) var recordFailure: Failure?

    init(_ run: RunDirectory?, _ recipe: Recipe, _ communicator: Communicator, _ reporter: TrainingReporter?) {
        (self.run, self.communicator, self.reporter) = (run, communicator, reporter)
        writer = run.map { CheckpointWriter($0, keep: recipe.checkpoint.keep) }
    }

    /// Begins to write a checkpoint, once the one before is written. Collective.
    ///
    /// - Parameter checkpoint: asked for on rank 0.
    func save(_ checkpoint: @autoclosure () -> Checkpoint, step: Int, isBest: Bool) throws {
        try Progress.during(.saving) {
            try communicator.agree {
                let earlier = Result { try note(waiting: true) }
                // The state at hand is not lost for what became of an older one.
                writer?.start(checkpoint(), isBest: isBest)
                try earlier.get()
            }
        }
        savedStep = savingStep ?? savedStep
        savingStep = step
    }

    /// Waits for the checkpoint that is being written. Collective.
    func finish() throws {
        try Progress.during(.saving) { try communicator.agree { try note(waiting: true) } }
        savedStep = savingStep ?? savedStep
        savingStep = nil
    }

    /// Records a checkpoint that has been written meanwhile, or with `waiting` the one that is being written. Local.
    func note(waiting: Bool) throws {
        guard let saved = try writer?.take(waiting: waiting) else { return }
        savedStep = saved.step
        do { try reporter?.saved(saved.step, isBest: saved.isBest) } catch {
            recordFailure = recordFailure ?? Failure(error)
        }
    }

    /// As much as can be saved after a failure, which may be the work of some hours. Local.
    func rescue() {
        Progress.during(.saving) {
            do { try note(waiting: true) } catch let later {
                // Where nothing can be written one sentence says so.
                if ![.cannotCreate, .inputOutput].contains(Failure(later).code) {
                    reporter?.warn(Failure(later).message)
                }
            }
        }
    }

    /// The rest of a sentence on a run that ends by a fault of its numbers: the checkpoint to go back to.
    func lastGood() -> String {
        var trouble = ""
        do { try note(waiting: true) } catch { trouble = "; " + Failure(error).message }
        let kept =
            savedStep.map { "the last good checkpoint is that of step \($0)" }
            ?? (communicator.rank == 0 ? "no checkpoint was written yet" : "the run's newest checkpoint is good")
        return kept + trouble
    }

    /// Takes up the checkpoint given, or the run's newest valid one. Collective.
    ///
    /// - Returns: where the run stands; nil where there is no checkpoint.
    func takeUp(_ start: Checkpoint?, _ setup: TrainingSetup, _ data: TrainingData) throws -> TrainingState? {
        var state = TrainingState()
        let found = try communicator.agree { () -> Bool in
            if let start {
                state = try start.resume(setup.model, setup.optimizer, data: data)
                return true
            }
            guard let point = try run?.latestValid() else { return false }
            point.warnings.forEach { reporter?.warn($0) }
            try Self.refuseOtherRecipe(point, setup.recipe)
            state = try point.checkpoint.resume(setup.model, setup.optimizer, data: data)
            return true
        }
        guard try communicator.broadcast(found) else { return nil }
        try state.broadcast(setup.model, setup.optimizer, by: communicator)
        savedStep = state.step
        return state
    }

    /// Refuses to go on with a checkpoint of another recipe (a run directory whose files were mixed up).
    private static func refuseOtherRecipe(_ point: ResumePoint, _ recipe: Recipe) throws {
        let old = try Recipe.parse(yaml: point.checkpoint.header.recipe, source: "the recipe in \(point.path)")
        let changed = recipe.resumeDifferences(from: old).map(\.key)
        guard changed.isEmpty else {
            throw Failure(
                .data,
                "\(point.path) was trained with another \(changed.joined(separator: ", ")): resume with the same "
                    + "recipe, or start a new run in another directory")
        }
    }
}
