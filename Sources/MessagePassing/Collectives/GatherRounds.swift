/// The rounds in which the block of each of many ranks reaches all (Bruck, Ho, Kipnis, Upfal & Weathersby 1997).
///
/// In round k a rank has its own block and the 4^k - 1 behind it, of ranks that follow in a ring. It sends as many of
/// them as are missing there to the ranks 4^k, 2 x 4^k and 3 x 4^k before it, and receives as many from those behind
/// it: log4(R) rounds, rounded up, of at most three messages, in place of R - 1 messages.
package struct GatherRounds {
    /// A message of a round: the other rank, and the blocks from `first` on, `count` of them in the ring.
    package struct Part: Equatable {
        package let other: Int
        package let first: Int
        package let count: Int
        let ranks: Int

        /// The blocks up to the last rank's, and those from the first rank's on.
        package var pieces: (Range<Int>, Range<Int>) {
            let end = first + count
            return (first..<min(end, ranks), 0..<max(0, end - ranks))
        }
    }

    /// The messages that a rank sends in a round at most.
    package static let mostMessages = 3

    private let rank: Int
    private let ranks: Int

    /// The rounds of a rank.
    package init(rank: Int, of ranks: Int) { (self.rank, self.ranks) = (rank, ranks) }

    /// True where few ranks send to each other at once, without rounds: the next round of a gather begins when the rank
    /// looks after it, which may be late.
    package static func isDirect(ranks: Int) -> Bool { ranks <= 8 }

    /// The number of rounds.
    package var count: Int { ranks < 2 ? 0 : (Int.bitWidth - (ranks - 1).leadingZeroBitCount + 1) / 2 }

    /// The messages that the rank sends in a round, and as many that it receives.
    package func messages(inRound round: Int) -> Int { min(Self.mostMessages, (ranks - 1) >> (2 * round)) }

    /// What the rank sends in a message of a round, and receives in it.
    package subscript(round round: Int, message message: Int) -> (sent: Part, received: Part) {
        let step = 1 << (2 * round)
        let distance = (message + 1) * step
        let (before, behind) = ((rank + ranks - distance) % ranks, (rank + distance) % ranks)
        let count = min(step, ranks - distance)
        return (
            Part(other: before, first: rank, count: count, ranks: ranks),
            Part(other: behind, first: behind, count: count, ranks: ranks)
        )
    }
}
