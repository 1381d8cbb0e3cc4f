import Essentials
import Kernels
import MessagePassing

extension Trainer {
    /// Judges and records an epoch, or its part at the end of a run, over all ranks. Collective.
    ///
    /// - Returns: true where the network is the best so far on the validation split. That of a part is compared, but
    ///   not remembered: a run that goes on behind it ends as one that never paused.
    func finishEpoch(isWhole: Bool) throws -> Bool {
        let rankImages = try communicator.allGather(Int64(engine.computedImages))
        balancer.throughputs = try communicator.allGather(engine.throughput)
        let validation = try validator?.errors(by: communicator)
        var isBest = false
        if let error = validation?.deciding {
            isBest = error < state.bestError ?? .infinity
            if isBest && isWhole { (state.bestError, state.bestEpoch) = (error, state.step / engine.stepsPerEpoch) }
        }
        let report = EpochReport(
            step: state.step, epoch: (state.step - 1) / engine.stepsPerEpoch, sums: state.epochSums,
            learningRate: recipe.learningRate(step: state.step - 1, stepsPerEpoch: engine.stepsPerEpoch),
            validation: validation, rankImages: rankImages, rankLanes: data.assignment.counts,
            throughputs: balancer.throughputs, hosts: setup.places.hosts, seconds: seconds(since: epochStart),
            isLast: isFinished)
        try communicator.agree { try reporter?.epoch(report) }
        epochStart = .now
        engine.resetCounts()
        if isWhole { state.epochSums = TrainingSums() }
        return isBest
    }

    /// Assigns the lanes anew by the epoch's measurements, where the recipe wants it and it is worth while. Collective.
    func balance() throws {
        let assignment = balancer.next(after: data.assignment)
        guard assignment != data.assignment else { return }
        let start = ContinuousClock.now
        data = try Progress.during(.moving) { try data.reassigned(assignment, by: communicator) }
        engine = try setup.engine(on: data, timeline: engine.timeline)
        try communicator.agree {
            try reporter?.reassigned(assignment, step: state.step, seconds: seconds(since: start))
        }
        epochStart = .now
    }
}
