import Checkpoints
import DataFeed
import Datasets
import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes
import Robustness

/// Trains one network as its recipe says, on all ranks of a communicator, into a run directory.
///
/// The weights after any number of steps are the same bits for every number of ranks (invariant 1), and a run that is
/// interrupted at any instant and resumed ends as if it had not been (invariant 2).
public final class Trainer {
    let recipe: Recipe
    let communicator: Communicator
    /// On rank 0 alone.
    private let run: RunDirectory?
    private let reporter: TrainingReporter?
    private(set) var data: TrainingData
    package let model: Model
    private let optimizer: Optimizer
    private(set) var engine: StepEngine
    private let validator: Validator?
    /// The ranks once more for each block of the network, whose gradient travels while other things are said.
    private let channels: [Communicator]
    /// The number of hosts that the ranks are on.
    package let hosts: Int
    private let overlaps: Bool
    var state: TrainingState
    private let totalSteps: Int
    private var epochStart = ContinuousClock.now
    /// What each rank computed since the last epoch's end.
    private var efforts: [StepEngine.Effort] = []
    private let places: RankPlaces
    /// Why the last step could not be recorded; on rank 0.
    private var reportFailure: Failure?
    /// Writes the checkpoints; on rank 0, where there is a run.
    private let writer: CheckpointWriter?
    /// The step of the newest checkpoint that is written, and of the one that is being written.
    private var savedStep, savingStep: Int?
    /// The deals of lanes that follow at the next epoch ends, whatever was measured: for tests.
    package var plannedDeals: [LaneDeal] = []

    /// Reads the data, builds the replica and takes up the newest checkpoint of the run. Collective: every rank of the
    /// communicator calls this, with the same arguments but for those that are rank 0's.
    ///
    /// - Parameters:
    ///   - recipe: what to train; `lanes` is the most ranks that it takes.
    ///   - communicator: the ranks that train.
    ///   - run: on rank 0, where checkpoints and metrics go; nil elsewhere, and on rank 0 to write none.
    ///   - resume: note in the metrics that the run goes on, also where it has no checkpoint yet.
    ///   - showProgress: on rank 0, whether to tell a person how far the training is.
    ///   - start: on rank 0, the checkpoint to take up, for a trainer without a run.
    ///   - traces: clock all that the steps do, for `trace`.
    /// - Throws: `Failure` as the recipe, the data set, the run directory and the checkpoint do; all ranks throw together.
    public init(
        _ recipe: Recipe, communicator: Communicator, run: RunDirectory?, resume: Bool, showProgress: Bool,
        from start: Checkpoint? = nil, traces: Bool = false
    ) throws {
        BLAS.useOneThread()
        self.recipe = recipe
        self.communicator = communicator
        self.run = run
        writer = run.map { CheckpointWriter($0, keep: recipe.checkpoint.keep) }
        let ranks = communicator.worldSize
        try communicator.agree {
            try Trainer.checkCounts(recipe, ranks: ranks)
            try AttackCatalogue.check(recipe.evaluation?.attacks ?? [])
            try AttackCatalogue.check(recipe.validationAttack.map { [$0.attack] } ?? [])
        }
        // Before what it steers.
        try communicator.agreeOnEqual([("the recipe", recipe.digest)] + recipe.agreedValues)
        let (plan, data) = try Progress.during(.reading) {
            let dataset = try HostDataset(recipe.dataset, directory: recipe.dataDirectory, communicator: communicator)
            let description = dataset.description
            let plan = try communicator.agree {
                try Trainer.checkSplit(recipe, description)
                return try NetworkPlan(recipe.network(input: description.shape, classes: description.classes))
            }
            try MemoryNeed(recipe, plan, description, ranks: ranks, ranksOfHost: dataset.ranksOfHost)
                .check(on: communicator)
            let data = try TrainingData(recipe, dataset, network: plan.network, communicator: communicator)
            try dataset.close()
            return (plan, data)
        }
        self.data = data
        try communicator.agreeOnEqual([
            ("the data", data.digest), ("the product's version", Product.version),
            ("the build", Product.buildDigest), ("the build's instruction set", Build.instructionSet),
            ("the BLAS kernel", BLAS.kernel),
        ])
        model = Model(plan)
        optimizer = Optimizer(
            model, momentum: recipe.momentum, weightDecay: recipe.weightDecay,
            factors: recipe.rateFactors(model.layout), clipping: recipe.gradientClipping)
        places = try RankPlaces(communicator)
        hosts = Set(places.hosts).count
        overlaps = recipe.overlap == .on || recipe.overlap == .auto && hosts > 1
        channels = try model.plan.blocks.map { _ in try communicator.duplicate() }
        engine = try StepEngine(
            recipe, data, model, optimizer, communicator: communicator, channels: channels, hosts: hosts,
            overlaps: overlaps,
            timeline: Timeline(blocks: model.plan.blocks.count, detailed: traces, spans: traces ? Self.tracedSpans : 0))
        totalSteps = min(recipe.epochs * engine.stepsPerEpoch, recipe.maxSteps ?? .max)
        validator = try communicator.agree { [model, data] in
            try data.validation.map {
                try Validator(model, images: $0, meanImage: data.source.meanImage, recipe: recipe)
            }
        }
        reporter = try communicator.agree { [communicator] in
            communicator.rank == 0 ? try TrainingReporter(run, recipe: recipe, showProgress: showProgress) : nil
        }
        model.drawWeights(seed: recipe.seed)
        state = TrainingState()
        try Progress.during(.reading) { try takeUp(resume, start) }
    }

    /// The stretches of time that a trace holds: some hundred steps of the paper's networks.
    private static let tracedSpans = 200_000

    /// The first steps of this rank as a trace, see `Timeline.trace`.
    public var trace: String {
        engine.timeline.trace(names: model.plan.blocks.map(\.name), rank: communicator.rank)
    }

    /// Trains to the end and returns. Collective.
    ///
    /// - Throws: `Failure` 75 after saving where a signal asked to stop; 70 naming the step where the loss is not finite (the
    ///   last checkpoint stands); 73 or 74 where a checkpoint cannot be written.
    public func train() throws {
        do { try trainToEnd() } catch {
            // What is being written may be all that is left of some hours.
            Progress.during(.saving) {
                do { try noteSaved(waiting: true) } catch let later {
                    // Where nothing can be written one sentence says so.
                    if ![.cannotCreate, .inputOutput].contains(Failure(error).code) {
                        reporter?.warn(Failure(later).message)
                    }
                }
            }
            throw error
        }
    }

    private func trainToEnd() throws {
        reporter?.begin(recipe, data, state, totalSteps: totalSteps, places)
        // So that the ranks' traces have one origin, whatever their clocks say.
        try communicator.barrier()
        engine.timeline.reset()
        epochStart = .now
        engine.resetEffort()
        while !isFinished {
            let stopped = try Progress.during(.training) { try step() }
            let endsEpoch = state.step % engine.stepsPerEpoch == 0
            let ends = endsEpoch || state.step == totalSteps
            let isBest = ends ? try finishEpoch(isWhole: endsEpoch) : false
            let due = recipe.checkpoint.everySteps.map { state.step % $0 == 0 } ?? endsEpoch
            if due || isBest || stopped || isFinished {
                try save(isBest: isBest)
            }
            if endsEpoch && !stopped && !isFinished { try balance() }
            if stopped || isFinished { try finishSaving() }
            if stopped && !isFinished {
                try communicator.agree {
                    if let reportFailure { throw reportFailure }
                    throw Failure(
                        .stopped, "stopped by a signal; step \(state.step) is saved: go on with --resume")
                }
            }
        }
        try communicator.agree {
            if let reportFailure { throw reportFailure }
            try reporter?.end(state)
        }
    }

    /// Whether the last step is done, or no better network was found for as long as the recipe waits.
    private var isFinished: Bool {
        if state.step >= totalSteps { return true }
        guard let patience = recipe.earlyStopping, state.bestError != nil else { return false }
        return state.step % engine.stepsPerEpoch == 0
            && state.step / engine.stepsPerEpoch - state.bestEpoch >= patience
    }

    // MARK: Steps

    /// One step. Returns whether a signal asked to stop.
    func step() throws -> Bool {
        let start = ContinuousClock.now
        let (drawn, communicated) = (engine.timeline.seconds(.draw), engine.timeline.seconds(.communicate))
        let rate = recipe.learningRate(step: state.step, stepsPerEpoch: engine.stepsPerEpoch)
        let (sums, norm, stop) = try engine.step(
            state.step, learningRate: rate, stopping: StopRequest.requested || reportFailure != nil)
        // The loss is the same on all ranks, and all else too, unless one rank's memory is wrong: then the failure names it.
        try communicator.agree {
            guard sums.loss.isFinite && norm.isFinite else { throw notFinite(isLoss: !sums.loss.isFinite) }
            try noteSaved(waiting: false)
        }
        if (state.step + 1) % engine.stepsPerEpoch == 0, recipe.preciseMoments > 0 {
            let isFinite = try engine.averageMoments(epoch: state.step / engine.stepsPerEpoch)
            try communicator.agree { guard isFinite else { throw notFinite(isLoss: false) } }
        }
        state.step += 1
        state.epochSums += sums
        Progress.finished(steps: state.step)
        do {
            try Progress.during(.recording) {
                try reporter?.step(
                    StepReport(
                        step: state.step, epoch: (state.step - 1) / engine.stepsPerEpoch, sums: sums,
                        learningRate: rate, gradientNorm: norm, seconds: seconds(since: start),
                        input: engine.timeline.seconds(.draw) - drawn,
                        communication: engine.timeline.seconds(.communicate) - communicated))
            }
        } catch {
            // Rank 0 alone knows; the others learn of it with the next step's sums, and all stop together.
            reportFailure = Failure(error)
        }
        return stop
    }

    /// Why a run ends at a step whose numbers are not finite.
    private func notFinite(isLoss: Bool) -> Failure {
        var trouble = ""
        do { try noteSaved(waiting: true) } catch { trouble = "; " + Failure(error).message }
        let number = isLoss ? "loss" : "gradient, a parameter or a moment of batch norm"
        let kept =
            savedStep.map { "the last good checkpoint is that of step \($0)" }
            ?? (communicator.rank == 0 ? "no checkpoint was written yet" : "the run's newest checkpoint is good")
        return Failure(
            .software,
            "the \(number) is not a finite number at step \(state.step + 1); \(kept); "
                + "lower learning_rate or set gradient_clipping" + trouble)
    }

    /// The figures of an epoch, or of its part at the end of a run, over all ranks. Returns whether the network is the best so
    /// far on the validation split, which is asked at the end of a whole epoch only: where a run pauses shows in nothing else.
    private func finishEpoch(isWhole: Bool) throws -> Bool {
        let rankImages = try communicator.allGather(Int64(engine.computedImages))
        efforts = try communicator.allGather(engine.effort)
        var validation: ValidationErrors?
        if let validator, isWhole {
            let own = try Progress.during(.validating) { try communicator.agree { try validator.countErrors() } }
            let clean = try communicator.allReduce(Int64(own.clean), .sum)
            let attacked = try communicator.allReduce(Int64(own.attacked ?? 0), .sum)
            let count = Double(data.validationCount)
            validation = ValidationErrors(
                clean: Double(clean) / count, attacked: own.attacked.map { _ in Double(attacked) / count })
        }
        var isBest = false
        if let validation {
            let error = validation.attacked ?? validation.clean
            isBest = error < state.bestError ?? .infinity
            if isBest { (state.bestError, state.bestEpoch) = (error, state.step / engine.stepsPerEpoch) }
        }
        let report = EpochReport(
            step: state.step, epoch: (state.step - 1) / engine.stepsPerEpoch, sums: state.epochSums,
            learningRate: recipe.learningRate(step: state.step - 1, stepsPerEpoch: engine.stepsPerEpoch),
            validation: validation, rankImages: rankImages, rankLanes: data.deal.counts, efforts: efforts,
            hosts: places.hosts,
            seconds: seconds(since: epochStart))
        try communicator.agree { try reporter?.epoch(report) }
        epochStart = .now
        engine.resetEffort()
        if isWhole { state.epochSums = TrainingSums() }
        return isBest
    }

    // MARK: Balance

    /// Deals the lanes anew by what was measured in the epoch, where the recipe wants it and it is worth while. Collective.
    private func balance() throws {
        var deal = data.deal
        if !plannedDeals.isEmpty {
            deal = plannedDeals.removeFirst()
        } else if recipe.balance, let measured = Self.betterDeal(than: deal, for: efforts) {
            deal = measured
        }
        guard deal != data.deal else { return }
        let start = ContinuousClock.now
        data = try Progress.during(.dealing) { try data.dealt(deal, by: communicator) }
        engine = try StepEngine(
            recipe, data, model, optimizer, communicator: communicator, channels: channels, hosts: hosts,
            overlaps: overlaps,
            timeline: engine.timeline)
        try communicator.agree {
            try reporter?.dealt(deal, step: state.step, seconds: seconds(since: start))
        }
        epochStart = .now
    }

    /// The deal by speed, where it promises to shorten the slowest rank's work by at least a twentieth; nil where not, or where
    /// too little was measured.
    package static func betterDeal(than deal: LaneDeal, for efforts: [StepEngine.Effort]) -> LaneDeal? {
        guard efforts.count > 1, efforts.allSatisfy({ $0.images > 0 && $0.steps > 0 && $0.seconds > 0 }) else {
            return nil
        }
        // The time of an image stands for that of a lane: lanes have equal shares, but for a rounding.
        let seconds = efforts.map { $0.seconds / Double($0.images) }
        let better = LaneDeal(lanes: deal.lanes, secondsPerLane: seconds)
        return better.slowest(secondsPerLane: seconds) < 0.95 * deal.slowest(secondsPerLane: seconds) ? better : nil
    }

    // MARK: Checkpoints

    /// Where the training stands.
    var checkpoint: Checkpoint {
        Checkpoint(
            recipe, data, model, optimizer, state, stepsPerEpoch: engine.stepsPerEpoch,
            worldSize: communicator.worldSize)
    }

    /// Begins to write a checkpoint, once the one before is written. Collective.
    private func save(isBest: Bool) throws {
        try Progress.during(.saving) {
            try communicator.agree {
                let earlier = Result { try noteSaved(waiting: true) }
                // The state at hand is not lost for what became of an older one.
                writer?.start(checkpoint, isBest: isBest)
                try earlier.get()
            }
        }
        savedStep = savingStep ?? savedStep
        savingStep = state.step
    }

    /// Waits for the checkpoint that is being written. Collective.
    private func finishSaving() throws {
        try Progress.during(.saving) { try communicator.agree { try noteSaved(waiting: true) } }
        savedStep = savingStep ?? savedStep
        savingStep = nil
    }

    /// Takes down that a checkpoint is written. Local.
    private func noteSaved(waiting: Bool) throws {
        guard let saved = try writer?.take(waiting: waiting) else { return }
        savedStep = saved.step
        do { try reporter?.saved(saved.step, isBest: saved.isBest) } catch {
            reportFailure = reportFailure ?? Failure(error)
        }
    }

    /// Takes up the checkpoint given, or the run's newest valid one, if there is one.
    private func takeUp(_ resume: Bool, _ start: Checkpoint?) throws {
        let found = try communicator.agree { () -> Bool in
            if let start {
                state = try start.resume(model, optimizer, data: data)
                return true
            }
            guard let point = try run?.latestValid() else { return false }
            point.warnings.forEach { reporter?.warn($0) }
            try Trainer.refuseOtherRecipe(point, recipe)
            state = try point.checkpoint.resume(model, optimizer, data: data)
            return true
        }
        guard try communicator.broadcast(found) else {
            try communicator.agree { if resume { try reporter?.resumed(0) } }
            return
        }
        try state.broadcast(model, optimizer, by: communicator)
        savedStep = state.step
        try communicator.agree { try reporter?.resumed(state.step) }
    }
}

extension Trainer {
    /// Refuses more ranks than lanes.
    private static func checkCounts(_ recipe: Recipe, ranks: Int) throws {
        guard ranks <= recipe.lanes else {
            throw Failure(
                .usage,
                "\(ranks) ranks cannot share \(recipe.lanes) lanes: start at most \(recipe.lanes) ranks, or set lanes "
                    + "for a new run")
        }
    }

    /// Refuses to go on with a checkpoint of another recipe (a run directory whose files were mixed up).
    private static func refuseOtherRecipe(_ point: ResumePoint, _ recipe: Recipe) throws {
        let old = try Recipe.parse(yaml: point.checkpoint.header.recipe, source: "the recipe in \(point.path)")
        let changed = recipe.resultDifferences(from: old).map(\.key)
        guard changed.isEmpty else {
            throw Failure(
                .data,
                "\(point.path) was trained with another \(changed.joined(separator: ", ")): resume with the same recipe, or "
                    + "start a new run in another directory")
        }
    }

    /// Refuses a validation split that leaves too little to train on.
    private static func checkSplit(_ recipe: Recipe, _ description: DatasetDescription) throws {
        guard recipe.validation < description.trainCount, description.trainCount - recipe.validation >= recipe.batch
        else {
            throw Failure(
                .usage,
                "\(description.name) has \(description.trainCount) training images: too few for batch \(recipe.batch) and "
                    + "validation \(recipe.validation); lower one of them")
        }
    }
}
