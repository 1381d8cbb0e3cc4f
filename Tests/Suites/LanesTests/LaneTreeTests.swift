import Essentials
import Lanes
import MessagePassing
import Testing

@Suite("The lane tree")
struct LaneTreeTests {
    @Test("a cover is made of the largest nodes within a range")
    func cover() {
        let eight = LaneTree(lanes: 8)
        #expect(eight.cover(0..<8) == [0..<8])
        #expect(eight.cover(2..<5) == [2..<4, 4..<5])
        #expect(eight.cover(1..<7) == [1..<2, 2..<4, 4..<6, 6..<7])
        // 6 splits in 3 and 3, 3 in 1 and 2.
        #expect(LaneTree(lanes: 6).cover(1..<6) == [1..<3, 3..<6])
        #expect(LaneTree(lanes: 1).cover(0..<1) == [0..<1])
    }

    @Test("the accumulator's nodes are the tree's, in few buffers", arguments: [1, 5, 6, 8, 33, 64])
    func accumulator(lanes: Int) {
        let tree = LaneTree(lanes: lanes)
        // Floats whose sum shows the order: they differ much in size.
        func value(_ lane: Int, _ i: Int) -> Float { Float(lane * 37 % 11 + i) * 1.1 * (lane % 3 == 0 ? 1e6 : 1e-3) }
        func sum(_ lo: Int, _ hi: Int, _ i: Int) -> Float {
            hi - lo == 1 ? value(lo, i) : sum(lo, (lo + hi) / 2, i) + sum((lo + hi) / 2, hi, i)
        }
        for lower in 0..<lanes {
            for upper in lower + 1...lanes where upper - lower < 9 || lower < 2 {
                let accumulator = LaneAccumulator<Float>(tree: tree, lanes: lower..<upper, count: 37)
                for _ in 0..<2 {
                    accumulator.begin()
                    for lane in lower..<upper {
                        let buffer = accumulator.next()
                        for i in buffer.indices { buffer[i] = value(lane, i) }
                        accumulator.commit()
                    }
                    accumulator.complete()
                }
                var depth = 0
                while 1 << depth < lanes { depth += 1 }
                #expect(accumulator.slotCount <= accumulator.cover.count + depth + 1)
                if accumulator.cover.count == 1 { #expect(accumulator.slotCount <= depth + 1) }
                for (index, node) in accumulator.cover.enumerated() {
                    #expect(
                        Array(accumulator.value(index)) == (0..<37).map { sum(node.lowerBound, node.upperBound, $0) })
                }
            }
        }
    }

    @Test("the memory of a sum is known before it is taken", arguments: [(1, 1), (8, 1), (8, 3), (33, 2)])
    func memory(lanes: Int, ranks: Int) {
        let assignment = LaneAssignment(lanes: lanes, ranks: ranks)
        // Long ones, each buffer of whole cache lines; the ranks of a host share them, and one more for the sum.
        let (count, buffer) = (100_001, 4.0 * 100_016)
        let buffers = (0..<ranks).map { rank in
            LaneAccumulator<Float>(tree: LaneTree(lanes: lanes), lanes: assignment[rank], count: count).slotCount
        }
        let size = LaneReduction<Float>.memory(assignment, rank: 0, ranksOfHost: ranks, count: count)
        let all = Double(buffers.reduce(0, +))
        #expect(size.own == (ranks == 1 ? all * buffer : 0))
        #expect(size.shared == (ranks == 1 ? 0 : (all + 1) * buffer))
        #expect(size.part(ofRanks: ranks) <= size.resident)
    }

    @Test("a host holds the buffers of its own ranks, and what it receives of the others")
    func memoryOfHosts() {
        // Each rank's 3 lanes are a node of the tree.
        let assignment = LaneAssignment(lanes: 24, ranks: 8)
        func size(_ ranksOfHost: Int, count: Int) -> MemorySize {
            LaneReduction<Float>.memory(assignment, rank: 5, ranksOfHost: ranksOfHost, count: count)
        }
        let slots = Double(
            LaneAccumulator<Float>(tree: LaneTree(lanes: 24), lanes: assignment[5], count: 1).slotCount)
        let (count, bytes) = (96_000, 4.0 * 96_000)
        #expect(size(8, count: count) == MemorySize(shared: (8 * slots + 1) * bytes))
        // 4 hosts of one node each: 2 ranks' buffers, the sum, a quarter of each host's node.
        #expect(size(2, count: count) == MemorySize(shared: (2 * slots + 1 + 1) * bytes))
        // Hosts of 3, 3 and 2 ranks, of 2, 2 and 1 nodes: those of the host are packed for the others.
        #expect(size(3, count: count) == MemorySize(shared: (3 * slots + 1 + 2) * bytes + 5 * bytes / 3))
        // Short sums go whole: the ranks' nodes twice on one host, else beside those of all hosts.
        let line = 64.0
        #expect(size(8, count: 16) == MemorySize(own: (slots + 8) * line, shared: (8 + 8) * line))
        #expect(size(2, count: 16) == MemorySize(own: (slots + 4) * line, shared: (2 + 4) * line))
    }

    @Test("between many hosts batch norm's moments go whole, in one stage", arguments: [4, 64])
    func stages(hosts: Int) throws {
        let (rehearsal, ranks) = (Rehearsal(), 1024)
        let world = try Communicator.rehearsing(0, of: ranks, hosts: hosts, by: rehearsal)
        let sum = try LaneReduction<Double>(
            try world.hostGroups(), LaneAssignment(lanes: ranks, ranks: ranks), count: 128)
        rehearsal.begin()
        sum.begin()
        sum.partial(0).update(repeating: 1)
        sum.finishLane()
        var result = [Double](repeating: 0, count: 128)
        try result.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { try sum.reduce(into: base) }
        }
        let collectives = rehearsal.end().events.filter { if case .begin = $0 { true } else { false } }
        #expect(collectives == [.begin(.allGather(bytes: Array(repeating: 1024, count: hosts)), number: 1)])
    }

    @Test("pieces of a sum travel as one, between many hosts in one exchange and one gather")
    func pieces() throws {
        let (rehearsal, ranks) = (Rehearsal(), 1024)
        let world = try Communicator.rehearsing(0, of: ranks, hosts: 64, by: rehearsal)
        let counts = [704, 65_536, 51_200, 25_600, 2401]
        let sum = try LaneReduction<Float>(
            try world.hostGroups(), LaneAssignment(lanes: ranks, ranks: ranks), pieces: counts)
        #expect(sum.pieces.map(\.count) == counts && sum.pieces.allSatisfy { $0.lowerBound % 16 == 0 })
        #expect(sum.count == counts.reduce(0, +))
        rehearsal.begin()
        for piece in counts.indices {
            sum.begin(piece: piece)
            sum.partial(0, piece: piece).update(repeating: Float(piece))
            sum.finishLane(piece: piece)
        }
        var result = [Float](repeating: -1, count: sum.count)
        try result.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { try sum.reduce(into: base) }
        }
        // Of ranks that are but imagined this one's own stands for the sum.
        for (piece, range) in sum.pieces.enumerated() { #expect(result[range].allSatisfy { $0 == Float(piece) }) }
        let collectives = rehearsal.end().events.compactMap { event -> Rehearsal.Collective? in
            if case .begin(let collective, _) = event { collective } else { nil }
        }
        guard collectives.count == 2, case .allToAll(let sent, _) = collectives[0],
            case .allGather(let slices) = collectives[1]
        else {
            Issue.record("\(collectives)")
            return
        }
        #expect(sent.reduce(0, +) == 4 * sum.count && slices.reduce(0, +) == 4 * sum.count)
    }

    @Test("addition takes every length, in place too")
    func addition() {
        for count in 0..<70 {
            let a = (0..<count).map { Float($0) * 0.1 }
            let b = (0..<count).map { 1e3 / Float($0 + 1) }
            var c = a
            c.withUnsafeMutableBufferPointer { c in
                guard let base = c.baseAddress else { return }
                Float.add(base, b, into: base, count: count)
            }
            #expect(c == zip(a, b).map(+))
            var d = b.map(Double.init)
            d.withUnsafeMutableBufferPointer { d in
                guard let base = d.baseAddress else { return }
                Double.add(a.map(Double.init), base, into: base, count: count)
            }
            #expect(d == zip(a, b).map { Double($0) + Double($1) })
        }
    }
}
