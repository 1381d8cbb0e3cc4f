import Essentials
import Foundation
import MessagePassing

private struct Odd: Error {}

/// Cases of failing together. Arguments: the ranks that fail.
let agreementCases: [String: RankCase] = [
    // Every rank says what it caught, then goes on: the ranks have to be in step still.
    "agree": { world, arguments in
        let failing = arguments.compactMap(Int.init)
        do {
            let value = try world.agree {
                if failing.contains(world.rank) { throw Failure(.data, "rank \(world.rank) read nonsense") }
                return world.rank * 2
            }
            say("value \(value)")
        } catch let agreed as Agreed {
            say("failure \(agreed.failure.code.rawValue) \(agreed.failure.message)")
        }
        try world.barrier()
    },
    "agreeOnOddError": { world, _ in
        try world.agree { if world.rank == world.worldSize - 1 { throw Odd() } }
    },
    // Ends by a failure: code, then the ranks that fail.
    "failTogether": { world, arguments in
        let failing = arguments.dropFirst().compactMap(Int.init)
        let code = ExitCode(rawValue: Int32(number(arguments, 0, 70))) ?? .software
        try world.agree { if failing.contains(world.rank) { throw Failure(code, "no more luck") } }
        try world.barrier()
    },
    // One rank fails outside of `agree`, the others wait for it.
    "failAlone": { world, arguments in
        if world.rank == number(arguments, 0, 0) { throw Failure(.data, "nobody knows but me") }
        try world.barrier()
    },
    // A part of the ranks agrees to fail, the others wait for them.
    "failInPart": { world, _ in
        let part = try world.split(color: world.rank == 0 ? 0 : 1, key: 0)
        if world.rank > 0 { try part.agree { throw Failure(.stopped, "our part fails") } }
        try world.barrier()
    },
    // Arguments: the rank that holds another build; -1 for none, -2 for another list of names.
    "agreeOnEqual": { world, arguments in
        let odd = number(arguments, 0, -1)
        var items = [("the recipe", "abc"), ("the build", world.rank == odd ? "2.0" : "1.0"), ("the CPU type", "x")]
        if odd == -2 && world.rank == world.worldSize - 1 { items.removeLast() }
        do {
            try world.agreeOnEqual(items)
            say("equal")
        } catch let agreed as Agreed {
            say("\(agreed.failure.code.rawValue) \(agreed.failure.message)")
        }
        try world.barrier()
    },
]
