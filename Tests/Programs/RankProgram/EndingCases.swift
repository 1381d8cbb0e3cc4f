import Essentials
import Foundation
import MessagePassing

/// Cases of ranks that are killed, crash, or are asked to stop.
let endingCases: [String: RankCase] = [
    // Works together for ever, until something happens from outside.
    "forever": { world, _ in
        try world.barrier()
        say("running")
        while true { try world.barrier() }
    },
    "crash": { world, _ in
        try world.barrier()
        if world.rank == world.worldSize - 1 { preconditionFailure("a bug") }
        while true { try world.barrier() }
    },
    // As the Swift runtime does where it gets no memory.
    "abort": { world, _ in
        try world.barrier()
        if world.rank == world.worldSize - 1 { abort() }
        while true { try world.barrier() }
    },
    // Steps until a rank is asked to stop; agreed at the step's boundary.
    "steps": { world, _ in
        try StopRequest.install()
        try world.barrier()
        say("running")
        while true {
            usleep(1000)
            let stop = try world.allReduce(StopRequest.requested ? Int32(1) : 0, .max)
            try world.agree { if stop > 0 { throw Failure(.stopped, "stopped, saved: resume") } }
        }
    },
    // Takes no notice of the request, so that only the second interrupt ends it.
    "deaf": { _, _ in
        try StopRequest.install()
        say("running")
        while !StopRequest.requested { usleep(1000) }
        say("requested")
        while true { usleep(1000) }
    },
]
