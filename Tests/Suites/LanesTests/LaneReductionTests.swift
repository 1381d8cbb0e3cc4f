import TestSupport
import Testing

@Suite("Sums over lanes do not depend on the number of ranks", .underMPIRun)
struct LaneReductionTests {
    /// How the nodes reach the other ranks.
    private enum Way: Int, CaseIterable {
        case slices, whole, sharedSlices, sharedWhole

        var arguments: [String] {
            switch self {
            case .slices: ["0", "sent"]
            case .whole: ["\(1 << 20)", "sent"]
            case .sharedSlices: ["0", "shared"]
            case .sharedWhole: ["\(1 << 20)", "shared"]
            }
        }
    }

    /// The one digest that all ranks report; the case itself compares with the tree's definition.
    private func digest(
        _ ranks: Int, _ type: String, lanes: Int, count: Int, mode: String = "exact", way: Way, equal: Bool = true
    ) throws -> String {
        let result = try runCase(
            ranks, "laneReduction", type, "\(lanes)", "\(count)", mode, way.arguments[0], way.arguments[1])
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.lines.count == ranks && Set(result.lines).count == 1, "the ranks differ")
        let words = try #require(result.lines.first).split(separator: " ")
        #expect((words[0] == "equal") == equal, "\(ranks) ranks, \(lanes) lanes, \(way)")
        return String(words[1])
    }

    @Test(
        "bit-identical to the tree at every number of ranks, by all ways", arguments: [8, 6, 5, 1],
        ["float", "double"])
    func exact(lanes: Int, type: String) throws {
        // Not a multiple of a vector, nor of the ranks; more than a block.
        let count = 5003
        var digests: Set<String> = []
        for ranks in [1, 2, 3, 4, 5, 8] where ranks <= lanes {
            for way in ranks == 1 ? [.slices] : Way.allCases {
                digests.insert(try digest(ranks, type, lanes: lanes, count: count, way: way))
            }
        }
        #expect(digests.count == 1)
    }

    @Test("slices shorter than the number of ranks", arguments: [1, 2, 5])
    func fewElements(count: Int) throws {
        var digests: Set<String> = []
        for ranks in [1, 3, 8] {
            for way in Way.allCases {
                digests.insert(try digest(ranks, "float", lanes: 8, count: count, way: way))
            }
        }
        #expect(digests.count == 1)
    }

    @Test(
        "host by host, of no element to many, whatever ranks and lanes a host has",
        arguments: [
            (hosts: "0,0,1,1", lanes: "2-2-2-2"), ("0,0,0,1", "2-2-2-2"), ("0,1,0,1", "1-2-1-4"),
            ("0,0,1,1,2", "1-2-1-3-1"),
            ("0,0,0,0,1,1,1,1", "1-1-1-1-1-1-1-1"), ("3,2,3,2,1,1,1,0", "1-1-1-1-1-1-1-1"),
        ])
    func hostByHost(hosts: String, lanes: String) throws {
        let alone = try runCase(1, "hostReduction", "8")
        let result = try spawnMpirun(
            ranks: hosts.split(separator: ",").count, "RankProgram", arguments: ["hostReduction", lanes],
            environment: ["STEADFAST_TEST_HOSTS": hosts]
        ).wait(timeout: 60)
        try #require(result.status == 0 && alone.status == 0, "\(result.errors)\(alone.errors)")
        #expect(result.lines.count == 10 * hosts.split(separator: ",").count)
        #expect(result.lines.allSatisfy { $0.hasPrefix("equal") } && Set(result.lines) == Set(alone.lines))
    }

    @Test("a large sum", arguments: [2, 3])
    func large(ranks: Int) throws {
        let alone = try digest(1, "float", lanes: 8, count: 400_001, way: .slices)
        for way in [Way.slices, .sharedSlices] {
            #expect(try digest(ranks, "float", lanes: 8, count: 400_001, way: way) == alone)
        }
    }

    @Test("fast sums are close, and other bits than the tree's", arguments: [1, 2, 3])
    func fast(ranks: Int) throws {
        let exact = try digest(1, "float", lanes: 8, count: 5003, way: .slices)
        let fast = try digest(ranks, "float", lanes: 8, count: 5003, mode: "fast", way: .slices, equal: false)
        #expect(exact != fast)
    }
}
