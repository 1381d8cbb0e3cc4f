import AllocationCounter
import Essentials
import MessagePassing
import Recipes
import Training

/// The memory that a step takes.
let allocationCases: [String: RankCase] = [
    // Trains by a recipe, then counts what ten more steps take: `trainingAllocations RECIPE KEY=VALUE ...`.
    "trainingAllocations": { communicator, arguments in
        let recipe = try Recipe.load(arguments[0], overrides: Array(arguments.dropFirst()))
        let trainer = try Trainer(
            recipe, communicator: communicator, run: nil, resume: false, showProgress: false)
        try trainer.compute(steps: 2)
        allocation_counter_start()
        try trainer.compute(steps: 10)
        var mpi = 0
        let own = allocation_counter_stop(&mpi)
        try expect(
            own == 0,
            "no allocation in 10 steps of rank \(communicator.rank) by \(arguments.joined(separator: " ")), found "
                + "\(own) (and \(mpi) of MPI)")
    },
    // That the counter counts.
    "countedAllocation": { _, _ in
        allocation_counter_start()
        let values = [Int](repeating: 1, count: CommandLine.arguments.count + 1000)
        var mpi = 0
        let own = allocation_counter_stop(&mpi)
        try expect(own == 1 && mpi == 0 && values.count > 1000, "one allocation, found \(own) and \(mpi)")
    },
]
