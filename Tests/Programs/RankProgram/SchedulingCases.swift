import Essentials
import Foundation
import MessagePassing

/// Tasks that ranks take as they come free. Each task's result is its number and the rank that did it.
let schedulingCases: [String: RankCase] = [
    // Arguments: the tasks; the task that fails, -1 for none; the bytes of a result.
    "schedule": { world, arguments in
        let (count, failing, size) = (number(arguments, 0, 20), number(arguments, 1, -1), number(arguments, 2, 2))
        nonisolated(unsafe) var results: [TaskResult] = []
        do {
            try world.schedule(Array(0..<count)) { task, poll in
                if task == failing { throw Failure(.data, "task \(task) is bad") }
                // Every seventh task takes ten times as long.
                for _ in 0..<(task % 7 == 0 ? 20 : 2) {
                    usleep(500)
                    try poll()
                }
                return [UInt8(task), UInt8(world.rank)] + [UInt8](repeating: 9, count: max(0, size - 2))
            } deliver: {
                results.append($0)
            }
            try expect(
                world.rank > 0 || results.allSatisfy { $0.bytes.count == size && Int($0.bytes[0]) == $0.task },
                "each result to be that of its task")
            if world.rank == 0 {
                say("tasks \(results.map(\.task).sorted().map(String.init).joined(separator: " "))")
                say("ranks \(Set(results.map { $0.bytes[1] }).count)")
            }
        } catch let agreed as Agreed {
            say("failure \(agreed.failure.code.rawValue) \(agreed.failure.message)")
        }
        try world.barrier()
    },
    // Rank 0 cannot take the results.
    "scheduleNothing": { world, _ in
        try world.schedule(Array(0..<50)) { task, _ in
            [UInt8(task)]
        } deliver: { _ in
            throw Failure(.inputOutput, "the disk is full")
        }
    },
]
