import Checkpoints
import Essentials
import MessagePassing
import Recipes
import TestSupport
import Training

/// Recorded steps, taken by the trainer itself.
let traceCases: [String: RankCase] = [
    // Trains a recorded case from its weights and moments into a run directory: `trainTrace CASE RECIPE RUN`.
    "trainTrace": { communicator, arguments in
        let trace = try StepTrace.load(arguments[0])
        let recipe = try Recipe.load(arguments[1])
        let run = try communicator.agree {
            communicator.rank == 0 ? try RunDirectory(arguments[2], resume: false) : nil
        }
        let trainer = try Trainer(
            recipe, communicator: communicator, run: run, resume: false, showProgress: false)
        trace.start(trainer.model)
        try trainer.train()
    }
]
