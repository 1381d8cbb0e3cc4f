import Foundation
import MessagePassing

/// Jobs that stand still under a watchdog.
let watchCases: [String: RankCase] = [
    // Steps together under a watch: `watched TIMEOUT RANK`. The rank given stops in a save at its hundredth step; -1
    // for none, -2: all go on for three timeouts, and leave.
    "watched": { world, arguments in
        let timeout = Double(arguments[0]) ?? 1
        let rank = number(arguments, 1, -1)
        let watchdog = try Watchdog.start(world, timeout: timeout)
        try world.barrier()
        say("running")
        let start = Date()
        var step = 0
        while true {
            usleep(1000)
            // Rank 0 decides when all are done.
            let goes = try world.broadcast(rank != -2 || Date().timeIntervalSince(start) < 3 * timeout)
            guard goes else { break }
            // The root of a broadcast does not wait for the others.
            try world.barrier()
            step += 1
            Progress.finished(steps: step)
            if step == 100, world.rank == rank { Progress.during(.saving) { while true { sleep(1) } } }
        }
        watchdog.stop()
        try world.barrier()
        say("done")
    },
    // Rank 1 is stopped behind MPI's end, when all others leave: `stoppedAtEnd TIMEOUT`.
    "stoppedAtEnd": { world, arguments in
        if world.rank == 1 { atexit { raise(SIGSTOP) } }
        JobDeadline.begin(.end, seconds: Double(arguments[0]) ?? 1)
    },
]
