// The program that multi-rank tests run: `mpirun -n R RankProgram CASE [ARGUMENT ...] [+ CASE [ARGUMENT ...]]...`. Of
// several cases, done one after the other, each line that a rank says begins with the case's number, from 0.
import Essentials
import Foundation
import MessagePassing

/// One thing to do on every rank.
typealias RankCase = @Sendable (_ communicator: Communicator, _ arguments: [String]) throws -> Void

/// The cases by name; each file with cases adds its group.
let cases = [
    collectiveCases, agreementCases, reductionCases, endingCases, schedulingCases, independenceCases, allocationCases,
    unequalCases, watchCases, sharingCases, traceCases,
]
.reduce(into: [String: RankCase]()) { all, group in all.merge(group) { $1 } }

Communicator.main { communicator in
    let asked = CommandLine.arguments.dropFirst().split(separator: "+", omittingEmptySubsequences: false)
    for (number, words) in asked.enumerated() {
        guard let run = words.first.flatMap({ cases[$0] }) else {
            throw Failure(.usage, "no such case; there are \(cases.keys.sorted().joined(separator: ", "))")
        }
        if asked.count > 1 { saidBefore = "\(number): " }
        try run(communicator, Array(words.dropFirst()))
        if asked.count > 1 { try communicator.barrier() }
    }
}
