import Checkpoints
import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes

/// Trains one network as its recipe says, on all ranks of a communicator, into a run directory.
///
/// The weights after any number of steps are the same bits for every number of ranks (invariant 1), and a run that is
/// interrupted at any instant and resumed ends as if it had not been (invariant 2).
public final class Trainer {
    let setup: TrainingSetup
    var data: TrainingData
    var engine: StepEngine
    var state: TrainingState
    /// On rank 0 alone.
    let reporter: TrainingReporter?
    let saver: CheckpointSaver
    let validator: Validator?
    package var balancer: LaneBalancer
    /// The step at which the run ends.
    let totalSteps: Int
    var epochStart = ContinuousClock.now
    /// The reason why the last step could not be recorded; on rank 0.
    var reportFailure: Failure?

    /// The recipe with its numbers of drawn samples, which may follow from the data set's size.
    public var recipe: Recipe { setup.recipe }
    package var model: Model { setup.model }
    var communicator: Communicator { setup.communicator }
    /// The SHA-256 of the checkpoint that the run started from, on rank 0.
    private let initialDigest: String?
    /// The number of ranks that train.
    package var ranks: Int { communicator.worldSize }
    /// The number of hosts that the ranks are on.
    package var hosts: Int { setup.places.hostCount }

    /// Reads the data, builds the replica and takes up the newest checkpoint of the run. Collective: every rank of the
    /// communicator calls this, with the same arguments but for those that are rank 0's.
    ///
    /// - Parameters:
    ///   - recipe: the recipe; `lanes` is the most ranks that it takes.
    ///   - communicator: the ranks that train.
    ///   - run: on rank 0, the directory for checkpoints and metrics; nil elsewhere, and on rank 0 to write none.
    ///   - resume: note in the metrics that the run goes on, also where it has no checkpoint yet.
    ///   - showProgress: on rank 0, tell a person how far the training is.
    ///   - movingLine: the progress line is written over, as on a terminal.
    ///   - start: on rank 0, the checkpoint to take up, for a trainer without a run.
    ///   - traces: clock all that the steps do, for `trace`.
    /// - Throws: `Failure` as the recipe, the data set, the run directory and the checkpoint do; all ranks throw
    ///   together.
    public init(
        _ recipe: Recipe, communicator: Communicator, run: RunDirectory?, resume: Bool, showProgress: Bool,
        movingLine: Bool = Terminal.isWatched, from start: Checkpoint? = nil, traces: Bool = false
    ) throws {
        let initial = try communicator.agree {
            communicator.rank == 0
                ? try InitialWeights(recipe, resumed: { try start ?? run?.latestValid()?.checkpoint }) : nil
        }
        let (setup, data) = try TrainingSetup.make(recipe, communicator: communicator, initial: initial)
        let blocks = setup.model.plan.blocks.count
        let engine = try setup.engine(
            on: data, timeline: Timeline(blocks: blocks, detailed: traces, spans: traces ? Self.tracedSpans : 0))
        (self.setup, self.data, self.engine) = (setup, data, engine)
        totalSteps = min(setup.recipe.epochs * engine.stepsPerEpoch, setup.recipe.maxSteps ?? .max)
        validator = try communicator.agree {
            try data.validation.map {
                try Validator(
                    setup.model, images: $0, of: data.validationCount, meanImage: data.source.meanImage,
                    recipe: setup.recipe)
            }
        }
        let reporter =
            communicator.rank == 0
            ? TrainingReporter(run, recipe: setup.recipe, showsProgress: showProgress, isMoving: movingLine) : nil
        self.reporter = reporter
        let saver = CheckpointSaver(run, setup.recipe, communicator, reporter)
        self.saver = saver
        balancer = LaneBalancer(isOn: setup.recipe.balance)
        initialDigest = initial?.digest
        setup.model.drawWeights(seed: setup.recipe.seed)
        try communicator.agree { try initial?.write(to: setup.model, setup.recipe) }
        if setup.recipe.initialWeights != nil { try setup.model.broadcast(by: communicator) }
        let found = try Progress.during(.reading) { try saver.takeUp(start, setup, data) }
        state = found ?? TrainingState()
        let step = state.step
        try communicator.agree {
            let most = setup.recipe.epochs * engine.stepsPerEpoch
            guard step <= most else {
                throw Failure(
                    .usage,
                    "the run has done \(step) steps, more than the \(setup.recipe.epochs) epochs asked for have "
                        + "(\(most)): leave epochs as it is")
            }
            try reporter?.start(step: step, ranks: communicator.worldSize)
            if found != nil || resume { try reporter?.resumed(step, hasCheckpoint: found != nil) }
        }
    }

    /// The stretches of time that a trace holds: some hundred steps of the paper's networks.
    private static let tracedSpans = 200_000

    /// The first steps of this rank as a trace, see `Timeline.trace`.
    public var trace: String {
        engine.timeline.trace(names: model.plan.blocks.map(\.name), rank: communicator.rank)
    }

    /// Trains to the end and returns. Collective.
    ///
    /// - Throws: `Failure` 75 after saving where a signal asked to stop; 70 naming the step where the loss is not
    ///   finite (the last checkpoint stands); 73 or 74 where a checkpoint cannot be written.
    public func train() throws {
        do { try trainToEnd() } catch {
            saver.rescue()
            throw error
        }
    }

    private func trainToEnd() throws {
        reporter?.begin(recipe, data, totalSteps: totalSteps, setup.places, sums: setup.sumsWay)
        validator?.warnings.forEach { reporter?.warn($0) }
        // So that the ranks' traces have one origin, whatever their clocks say.
        try communicator.barrier()
        engine.timeline.reset()
        epochStart = .now
        engine.resetCounts()
        while !isFinished {
            let stopped = try Progress.during(.training) { try step() }
            let endsEpoch = state.step % engine.stepsPerEpoch == 0
            let isBest = endsEpoch || state.step == totalSteps ? try finishEpoch(isWhole: endsEpoch) : false
            let due = recipe.checkpoint.everySteps.map { state.step % $0 == 0 } ?? endsEpoch
            if due || isBest || stopped || isFinished {
                try saver.save(checkpoint, step: state.step, isBest: isBest)
            }
            if endsEpoch && !stopped && !isFinished { try balance() }
            if stopped || isFinished { try saver.finish() }
            if stopped && !isFinished {
                // A failure is worth more than a signal, whichever rank has it.
                try communicator.agree { if let failure = recordFailure ?? engine.inputFailure { throw failure } }
                try communicator.agree {
                    throw Failure(
                        .stopped, "stopped by a signal; step \(state.step) is saved: go on with --resume")
                }
            }
        }
        try communicator.agree {
            if let failure = recordFailure { throw failure }
            try reporter?.end(
                state, patience: state.step < totalSteps ? recipe.earlyStopping : nil,
                stepsPerEpoch: engine.stepsPerEpoch)
        }
    }

    /// The last step is done, or no better network was found for as long as the recipe waits.
    var isFinished: Bool {
        if state.step >= totalSteps { return true }
        guard let patience = recipe.earlyStopping, state.bestError != nil else { return false }
        return state.step % engine.stepsPerEpoch == 0
            && state.step / engine.stepsPerEpoch - state.bestEpoch >= patience
    }

    /// The reason why the run's record could not be written; on rank 0.
    var recordFailure: Failure? { reportFailure ?? saver.recordFailure }

    /// The state of the training.
    var checkpoint: Checkpoint {
        Checkpoint(
            recipe, data, model, setup.optimizer, state, stepsPerEpoch: engine.stepsPerEpoch,
            worldSize: communicator.worldSize, initialWeightsDigest: initialDigest)
    }
}
