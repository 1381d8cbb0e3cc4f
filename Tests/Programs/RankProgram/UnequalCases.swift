import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing
import Recipes
import Training

/// Trains with lanes dealt anew, with lanes audited, and with bits flipped on purpose.
let unequalCases: [String: RankCase] = [
    // Trains with the deals given, one after each epoch, and says the digest: `dealtTraining DEALS RECIPE KEY=VALUE
    // ...`, DEALS as in 2-6,5-3 for two deals to two ranks; `-` for none.
    "dealtTraining": { world, arguments in
        try trainDealt(world, arguments) { say("digest \($0.digest), deals left \($0.balancer.planned.count)") }
    },
    // Computes steps with `$STEADFAST_FLIP` = KIND:RANK:STEP:WORD:BIT, KIND parameters, moments, activations or
    // gradients, BIT 32 for infinity, or without, and says after how many steps it ended: `auditedTraining STEPS RECIPE
    // KEY=VALUE ...`.
    "auditedTraining": { world, arguments in
        let recipe = try Recipe.load(arguments[1], overrides: Array(arguments.dropFirst(2)))
        let trainer = try Trainer(recipe, communicator: world, run: nil, resume: false, showProgress: false)
        let flip = Flip(ProcessInfo.processInfo.environment["STEADFAST_FLIP"] ?? "", rank: world.rank)
        trainer.disturb(
            activations: { flip?.act("activations", $0, $1, $2) }, gradients: { flip?.act("gradients", $0, $1, $2) })
        for step in 0..<number(arguments, 0, 1) {
            flip?.act("parameters", step, trainer.model.parameters.pointer, trainer.model.parameters.count)
            flip?.act("moments", step, trainer.model.moments.pointer, trainer.model.moments.count)
            do { try trainer.trainStep() } catch {
                if world.rank == 0 { say("ended at step \(step)") }
                throw error
            }
        }
        say("digest \(trainer.digest)")
    },
]

/// Trains as `dealtTraining` says, and hands the trainer on. Collective.
func trainDealt(_ world: Communicator, _ arguments: [String], then body: (Trainer) throws -> Void) throws {
    let recipe = try Recipe.load(arguments[1], overrides: Array(arguments.dropFirst(2)))
    let trainer = try Trainer(recipe, communicator: world, run: nil, resume: false, showProgress: false)
    if arguments[0] != "-" {
        trainer.balancer.planned = arguments[0].split(separator: ",").map { deal in
            LaneAssignment(counts: deal.split(separator: "-").compactMap { Int($0) })
        }
    }
    try trainer.train()
    try body(trainer)
}

/// One bit that is flipped once, or a number that becomes infinite.
private final class Flip {
    private let kind: String
    private let step, word, bit: Int
    private var isDone = false

    /// Nil where there is none for this rank.
    init?(_ text: String, rank: Int) {
        let parts = text.split(separator: ":")
        guard parts.count == 5, Int(parts[1]) == rank, let step = Int(parts[2]), let word = Int(parts[3]),
            let bit = Int(parts[4])
        else { return nil }
        (kind, self.step, self.word, self.bit) = (String(parts[0]), step, word, bit)
    }

    func act(_ kind: String, _ step: Int, _ numbers: UnsafeMutablePointer<Float>, _ count: Int) {
        guard !isDone, kind == self.kind, step == self.step, count > 0 else { return }
        isDone = true
        let place = numbers + word % count
        place.pointee = bit < 32 ? Float(bitPattern: place.pointee.bitPattern ^ (1 << UInt32(bit))) : .infinity
    }
}
