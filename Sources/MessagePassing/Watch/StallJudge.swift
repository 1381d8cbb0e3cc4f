/// Finds out from what rank 0 hears whether the job stands still, and whose fault it is. Plain arithmetic on times
/// given.
package struct StallJudge {
    /// The state of a rank, as far as it is known.
    private struct Record {
        var snapshot = ProgressSnapshot()
        /// When a message last came; nil before the first.
        var heard: Double?
    }

    /// A rank at fault and why.
    package struct Accusation: Equatable {
        /// -1 where no single rank is.
        package let rank: Int
        /// Completes `rank 3 on node2 ...`; a sentence of its own for rank -1.
        package let sentence: String
    }

    private var records: [Record]
    private let timeout: Double
    private let hint: String
    private let accusesUnheard: Bool
    private var lastProgress: Double

    /// - Parameters:
    ///   - timeout: seconds without progress after which the job stands still.
    ///   - hint: what to say more where all wait before a step is done.
    ///   - accusesUnheard: a rank that was never heard counts as one that does nothing.
    ///   - now: seconds of any steady clock, as in all calls.
    package init(ranks: Int, timeout: Double, hint: String = "", accusesUnheard: Bool = true, now: Double) {
        records = Array(repeating: Record(), count: ranks)
        self.timeout = timeout
        self.hint = hint
        self.accusesUnheard = accusesUnheard
        lastProgress = now
    }

    /// Notes a rank's message.
    package mutating func hear(_ rank: Int, _ snapshot: ProgressSnapshot, now: Double) {
        guard records.indices.contains(rank) else { return }
        if records[rank].heard == nil || records[rank].snapshot.beats != snapshot.beats { lastProgress = now }
        records[rank].snapshot = snapshot
        records[rank].heard = now
    }

    /// Who is at fault; nil while the job gets on.
    package func accusation(now: Double) -> Accusation? {
        // A process that is stopped, or a host that is gone, sends nothing, whatever the others do.
        let silent = records.indices.filter { rank in records[rank].heard.map { now - $0 >= timeout } == true }
        if let rank = silent.first {
            return Accusation(
                rank: rank,
                sentence:
                    "gives no sign of life for \(whole(now - (records[rank].heard ?? 0))) s; the last was heard while "
                    + "it was "
                    + records[rank].snapshot.title)
        }
        guard now - lastProgress >= timeout else { return nil }
        let time = whole(now - lastProgress)
        // Who does not wait is waited for.
        if let rank = records.indices.first(where: { records[$0].heard != nil && !records[$0].snapshot.isWaiting }) {
            return Accusation(
                rank: rank, sentence: "makes no progress for \(time) s; it was \(records[rank].snapshot.title)")
        }
        guard accusesUnheard || records.allSatisfy({ $0.heard != nil }) else { return nil }
        // Just before the timeout of its own, a process that does not speak is the one.
        let hint = records.allSatisfy { $0.snapshot.steps == 0 } ? hint : ""
        let quiet = records.indices.filter { records[$0].heard.map { now - $0 >= timeout / 2 } ?? true }
        if let rank = quiet.first {
            return Accusation(rank: rank, sentence: "was not heard of for \(time) s while all others waited\(hint)")
        }
        return Accusation(
            rank: -1, sentence: "no rank makes progress for \(time) s; all wait for messages of each other\(hint)")
    }

    private func whole(_ seconds: Double) -> String { "\((seconds * 10).rounded() / 10)" }
}
