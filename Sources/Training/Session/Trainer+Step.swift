import Essentials
import Kernels
import MessagePassing

extension Trainer {
    /// Computes one step and records it. Returns true where a signal asked to stop. Collective.
    func step() throws -> Bool {
        let start = ContinuousClock.now
        let (drawn, communicated) = (engine.timeline.seconds(.draw), engine.timeline.seconds(.communicate))
        let rate = recipe.learningRate(step: state.step, stepsPerEpoch: engine.stepsPerEpoch)
        let (sums, norm, stop) = try engine.step(
            state.step, learningRate: rate, stopping: StopRequest.requested || recordFailure != nil)
        // The loss is the same on all ranks, and all else too, unless one rank's memory is wrong: then the failure
        // names it.
        try communicator.agree {
            guard sums.loss.isFinite && norm.isFinite else { throw notFinite(isLoss: !sums.loss.isFinite) }
            try saver.note(waiting: false)
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

    /// The failure of a step whose numbers are not finite.
    private func notFinite(isLoss: Bool) -> Failure {
        let number = isLoss ? "loss" : "gradient, a parameter or a moment of batch norm"
        return Failure(
            .software,
            "the \(number) is not a finite number at step \(state.step + 1); \(saver.lastGood()); "
                + "lower learning_rate or set gradient_clipping")
    }
}
