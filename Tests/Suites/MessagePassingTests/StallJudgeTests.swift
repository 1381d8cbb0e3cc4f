import Testing

import MessagePassing

@Suite("Who is at fault where a job stands still")
struct StallJudgeTests {
    private func snapshot(_ beats: UInt64, waits: Bool = true, _ occupation: Occupation = .training) -> ProgressSnapshot
    {
        ProgressSnapshot(beats: beats, steps: 7, occupation: occupation.rawValue, isWaiting: waits)
    }

    @Test("nobody, as long as one rank gets on and all are heard")
    func fine() {
        var judge = StallJudge(ranks: 3, timeout: 10, now: 0)
        for second in 1...100 {
            for rank in 0..<3 { judge.hear(rank, snapshot(rank == 2 ? UInt64(second) : 1), now: Double(second)) }
            #expect(judge.accusation(now: Double(second)) == nil)
        }
    }

    @Test("the one that does not wait, by what it was doing")
    func hanging() {
        var judge = StallJudge(ranks: 3, timeout: 10, now: 0)
        for second in 1...11 {
            for rank in 0..<3 {
                judge.hear(rank, snapshot(1, waits: rank != 1, rank == 1 ? .saving : .training), now: Double(second))
            }
            #expect((judge.accusation(now: Double(second)) == nil) == (second < 11))
        }
        let accusation = judge.accusation(now: 11)
        #expect(accusation?.rank == 1)
        #expect(accusation?.sentence == "makes no progress for 10.0 s; it was writing a checkpoint after step 7")
    }

    @Test("the silent one, though others get on")
    func silent() {
        var judge = StallJudge(ranks: 3, timeout: 10, now: 0)
        judge.hear(1, snapshot(1, waits: false), now: 1)
        for second in 1...11 { for rank in [0, 2] { judge.hear(rank, snapshot(UInt64(second)), now: Double(second)) } }
        #expect(judge.accusation(now: 10.5) == nil)
        #expect(judge.accusation(now: 11)?.rank == 1)
        #expect(judge.accusation(now: 11)?.sentence.contains("no sign of life for 10.0 s") == true)
    }

    @Test("where all wait, a hint at the network as long as no step is done", arguments: [0, 7] as [Int64])
    func hint(steps: Int64) {
        var judge = StallJudge(ranks: 2, timeout: 10, hint: "; the network?", now: 0)
        let waiting = ProgressSnapshot(beats: 1, steps: steps, isWaiting: true)
        for second in 1...12 { judge.hear(0, waiting, now: Double(second)) }
        #expect(judge.accusation(now: 12)?.sentence.hasSuffix("; the network?") == (steps == 0))
        for second in 12...24 { for rank in 0..<2 { judge.hear(rank, waiting, now: Double(second)) } }
        #expect(judge.accusation(now: 24)?.sentence.hasSuffix("; the network?") == (steps == 0))
    }

    @Test("none, where one that was never heard may be at work")
    func unheard() {
        var judge = StallJudge(ranks: 2, timeout: 10, accusesUnheard: false, now: 0)
        for second in 1...24 { judge.hear(0, snapshot(1), now: Double(second)) }
        #expect(judge.accusation(now: 24) == nil)
        for second in 24...48 { for rank in 0..<2 { judge.hear(rank, snapshot(1), now: Double(second)) } }
        #expect(judge.accusation(now: 48)?.rank == -1)
    }

    @Test("the one never heard, where all others wait; no one rank, where all wait")
    func unclear() {
        var judge = StallJudge(ranks: 2, timeout: 10, now: 0)
        for second in 1...12 { judge.hear(0, snapshot(1), now: Double(second)) }
        #expect(judge.accusation(now: 12)?.rank == 1)
        for second in 12...24 { for rank in 0..<2 { judge.hear(rank, snapshot(1), now: Double(second)) } }
        #expect(judge.accusation(now: 24)?.rank == -1)
        // What is no rank is no message of this job's.
        judge.hear(5, snapshot(9), now: 24)
        judge.hear(-1, snapshot(9), now: 24)
        #expect(judge.accusation(now: 24)?.rank == -1)
    }
}
