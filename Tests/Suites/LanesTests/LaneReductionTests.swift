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

    /// A sum that the rank program forms; it compares it with the tree's definition itself.
    private struct Sum {
        var type = "float"
        var lanes = 8
        // Not a multiple of a vector, nor of the ranks; more than a block.
        var count = 5003
        var mode = "exact"
        var way = Way.slices

        var arguments: [String] { ["laneReduction", type, "\(lanes)", "\(count)", mode] + way.arguments }
    }

    /// The one digest of each sum that all ranks of a job report.
    private func digests(_ ranks: Int, _ sums: [Sum]) throws -> [String] {
        try zip(sums, runCases(ranks, sums.map(\.arguments))).map { sum, lines in
            #expect(lines.count == ranks && Set(lines).count == 1, "the ranks differ: \(ranks), \(sum)")
            let words = try #require(lines.first).split(separator: " ")
            #expect((words[0] == "equal") == (sum.mode == "exact"), "\(ranks), \(sum)")
            return String(words[1])
        }
    }

    @Test("bit-identical to the tree at every number of ranks, by all ways")
    func exact() throws {
        var found: [String: Set<String>] = [:]
        for ranks in [1, 2, 3, 4, 5, 8] {
            let sums = [8, 6, 5, 1].filter { ranks <= $0 }.flatMap { lanes in
                ["float", "double"].flatMap { type in
                    (ranks == 1 ? [.slices] : Way.allCases).map { Sum(type: type, lanes: lanes, way: $0) }
                }
            }
            for (sum, digest) in zip(sums, try digests(ranks, sums)) {
                found["\(sum.type), \(sum.lanes) lanes", default: []].insert(digest)
            }
        }
        #expect(found.count == 8 && found.values.allSatisfy { $0.count == 1 }, "\(found)")
    }

    @Test("slices shorter than the number of ranks")
    func fewElements() throws {
        var found: [Int: Set<String>] = [:]
        for ranks in [1, 3, 8] {
            let sums = [1, 2, 5].flatMap { count in Way.allCases.map { Sum(count: count, way: $0) } }
            for (sum, digest) in zip(sums, try digests(ranks, sums)) { found[sum.count, default: []].insert(digest) }
        }
        #expect(found.count == 3 && found.values.allSatisfy { $0.count == 1 }, "\(found)")
    }

    @Test("host by host, of no element to many, whatever ranks and lanes a host has")
    func hostByHost() throws {
        /// What one rank says that has all lanes.
        func alone(_ lanes: Int) throws -> Set<String> {
            let result = try runCase(1, "hostReduction", "\(lanes)")
            try #require(result.status == 0, "\(result.errors)")
            return Set(result.lines)
        }
        let expected = try [8: alone(8), 10: alone(10)]
        for (hosts, lanes) in [
            ("0,0,1,1", "2-2-2-2"), ("0,0,0,1", "2-2-2-2"), ("0,1,0,1", "1-2-1-4"), ("0,0,1,1,2", "1-2-1-3-1"),
            ("0,0,0,0,1,1,1,1", "1-1-1-1-1-1-1-1"), ("3,2,3,2,1,1,1,0", "1-1-1-1-1-1-1-1"),
            // Gathers in rounds.
            ("0,1,2,3,4,5,6,7,8,8", "1-1-1-1-1-1-1-1-1-1"),
        ] {
            let (ranks, lines) = try run("hostReduction", hosts: hosts, lanes: lanes)
            #expect(lines.count == 10 * ranks, "\(hosts)")
            let all = lanes.split(separator: "-").reduce(0) { $0 + (Int($1) ?? 0) }
            #expect(
                lines.allSatisfy { $0.hasPrefix("equal") } && Set(lines) == expected[all], "\(hosts)")
        }
    }

    /// What the ranks of a case say; `hosts` has the host of each, `lanes` the lanes.
    private func run(_ name: String, hosts: String, lanes: String) throws -> (ranks: Int, lines: [String]) {
        let ranks = hosts.split(separator: ",").count
        let result = try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: [name, lanes], environment: ["STEADFAST_TEST_HOSTS": hosts]
        ).wait(timeout: 60)
        try #require(result.status == 0, "\(hosts): \(result.errors)")
        return (ranks, result.lines)
    }

    @Test("in pieces that travel as one: each the tree's, whatever ranks and hosts, in the memory that was foretold")
    func pieces() throws {
        let alone = try runCase(1, "pieceReduction", "8")
        try #require(alone.status == 0, "\(alone.errors)")
        #expect(alone.lines.count == Set(alone.lines).count && !alone.lines.isEmpty)
        for (hosts, lanes) in [
            // Foretold where ranks and lanes are as many everywhere.
            ("0,0", "4-4"), ("0,0,1,1", "2-2-2-2"), ("0,0,1,1,2,2,3,3", "1-1-1-1-1-1-1-1"),
            ("0,0,0", "2-2-4"), ("0,0,0,1", "1-2-1-4"), ("0,1,0,1", "1-2-1-4"), ("0,0,1,1,2", "1-2-1-3-1"),
            ("3,2,3,2,1,1,1,0", "1-1-1-1-1-1-1-1"),
        ] {
            let (ranks, lines) = try run("pieceReduction", hosts: hosts, lanes: lanes)
            #expect(lines.count == alone.lines.count * ranks, "\(hosts)")
            #expect(Set(lines) == Set(alone.lines), "\(hosts)")
        }
    }

    @Test("a large sum")
    func large() throws {
        let sums = [Way.slices, .sharedSlices].map { Sum(count: 400_001, way: $0) }
        let alone = try digests(1, [sums[0]])[0]
        for ranks in [2, 3] { #expect(try digests(ranks, sums) == [alone, alone]) }
    }

    @Test("fast sums are close, and other bits than the tree's")
    func fast() throws {
        let fast = Sum(mode: "fast")
        let alone = try digests(1, [Sum(), fast])
        #expect(alone[0] != alone[1])
        for ranks in [2, 3] { #expect(try digests(ranks, [fast])[0] != alone[0]) }
    }
}
