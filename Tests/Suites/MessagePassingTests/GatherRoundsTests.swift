import MessagePassing
import Testing

@Suite("The rounds of a gather")
struct GatherRoundsTests {
    @Test("everybody gets every block once, from one who has it", arguments: 1...70)
    func complete(ranks: Int) {
        let rounds = (0..<ranks).map { GatherRounds(rank: $0, of: ranks) }
        var blocks = (0..<ranks).map { Set([$0]) }
        for round in 0..<rounds[0].count {
            let before = blocks
            for rank in 0..<ranks {
                #expect((1...GatherRounds.mostMessages).contains(rounds[rank].messages(inRound: round)))
                for message in 0..<rounds[rank].messages(inRound: round) {
                    let (sent, received) = rounds[rank][round: round, message: message]
                    let there = rounds[sent.other][round: round, message: message].received
                    #expect(there.pieces == sent.pieces && there.other == rank)
                    let arriving = Set(received.pieces.0).union(received.pieces.1)
                    #expect(arriving.count == received.count && arriving.isDisjoint(with: blocks[rank]))
                    #expect(arriving.isSubset(of: before[received.other]))
                    blocks[rank].formUnion(arriving)
                }
            }
        }
        #expect(blocks.allSatisfy { $0.count == ranks })
    }

    @Test("as many as quadruplings of the ranks")
    func count() {
        let counts = [1, 2, 3, 4, 5, 8, 9, 16, 17, 64, 65, 4096].map { GatherRounds(rank: 0, of: $0).count }
        #expect(counts == [0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 6])
    }
}
