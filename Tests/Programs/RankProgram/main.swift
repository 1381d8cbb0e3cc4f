// The program that multi-rank tests run: `mpirun -n R RankProgram CASE [ARGUMENT ...]`.
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
    let arguments = CommandLine.arguments.dropFirst()
    guard let run = arguments.first.flatMap({ cases[$0] }) else {
        throw Failure(.usage, "no such case; there are \(cases.keys.sorted().joined(separator: ", "))")
    }
    try run(communicator, Array(arguments.dropFirst()))
}
