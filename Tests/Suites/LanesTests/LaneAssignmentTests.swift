import Lanes
import MessagePassing
import Testing

@Suite("Deals of lanes to ranks")
struct LaneAssignmentTests {
    @Test("the ranks' lanes are all lanes, once and in order")
    func complete() {
        for lanes in 1...20 {
            for ranks in 1...lanes {
                let seconds = (0..<ranks).map { Double(1 + $0 * 7 % 5) }
                for deal in [
                    LaneAssignment(lanes: lanes, ranks: ranks), LaneAssignment(lanes: lanes, secondsPerLane: seconds),
                ] {
                    #expect(deal.ranks == ranks && deal.lanes == lanes)
                    #expect(deal.counts.allSatisfy { $0 > 0 })
                    #expect((0..<ranks).flatMap { Array(deal[$0]) } == Array(0..<lanes))
                    for lane in 0..<lanes { #expect(deal[deal.holder(of: lane)].contains(lane)) }
                }
            }
        }
    }

    @Test("by speed: the slowest is done as soon as can be")
    func bySpeed() {
        #expect(LaneAssignment(lanes: 12, secondsPerLane: [1, 2]).counts == [8, 4])
        #expect(LaneAssignment(lanes: 8, secondsPerLane: [1, 1, 1, 1]).counts == [2, 2, 2, 2])
        #expect(LaneAssignment(lanes: 8, secondsPerLane: [1, 1000]).counts == [7, 1])
        // Against all deals of up to 9 lanes to 3 ranks.
        for (a, b, c) in [(1.0, 1.5, 2.0), (3, 1, 1), (1, 1, 5), (0.9, 1, 1.1)] {
            for lanes in 3...9 {
                var best = Double.infinity
                for first in 1...lanes - 2 {
                    for second in 1...lanes - first - 1 {
                        let deal = LaneAssignment(counts: [first, second, lanes - first - second])
                        best = min(best, deal.slowest(secondsPerLane: [a, b, c]))
                    }
                }
                let found = LaneAssignment(lanes: lanes, secondsPerLane: [a, b, c])
                #expect(found.slowest(secondsPerLane: [a, b, c]) == best)
            }
        }
    }
}
