import Essentials
import Foundation
import Robustness
import Training

/// The lines that a person sees of an evaluation: one that tells how far it is, and one for each attack that is done.
struct EvaluationReporter {
    private let shows: Bool
    private var line = ProgressLine()
    private var samples = 0
    private let start = ContinuousClock.now

    init(_ shows: Bool) { self.shows = shows }

    /// A chunk is done: `done` of the attack's `total` samples, `fresh` samples over all attacks since the start.
    mutating func chunk(_ name: String, _ attack: EvaluationPlan.Attack, done: Int, of total: Int, samples fresh: Int) {
        guard shows else { return }
        let amount = Double(fresh - samples)
        samples = fresh
        line.update(
            "\(name)  \(attack.specification.verbatim)  \(done)/\(total)", done: done, of: total, amount: amount,
            unit: "samples/s")
        guard done == total else { return }
        line.clear()
        let seconds = fixed((ContinuousClock.now - start) / .seconds(1), 1)
        print("\(name)  \(attack.specification.verbatim): \(total) samples, \(seconds) s since the start")
        fflush(nil)
    }

    /// A sentence of its own.
    mutating func note(_ text: String) {
        guard shows else { return }
        line.clear()
        print(text)
        fflush(nil)
    }

    /// All of a network's attacks are done: how far each part of those that have some came.
    mutating func finished(_ results: EvaluationResults) {
        guard shows else { return }
        line.clear()
        for (number, attack) in results.plan.attacks.enumerated() where !attack.partNames.isEmpty {
            print("\(attack.specification.verbatim), samples attacked and errors among them:")
            let width = (attack.partNames.map(\.count).max() ?? 0) + 2
            for part in attack.partNames.indices {
                let cells = results.rows(number, part: part).map {
                    String(format: "%.3f: %d, %.3f", $0.strength, $0.samples, $0.error)
                }
                print(
                    "  \(attack.partNames[part].padding(toLength: width, withPad: " ", startingAt: 0))"
                        + cells.joined(separator: "   "))
            }
        }
    }
}

/// The warnings of evaluations, each told once.
struct EvaluationWarnings {
    private var told: Set<String> = []

    /// Tells those that are new, on standard error.
    mutating func tell(of warnings: [String]) {
        for warning in warnings where told.insert(warning).inserted { Console.warn(warning) }
    }
}
