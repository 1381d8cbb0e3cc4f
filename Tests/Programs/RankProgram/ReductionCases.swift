import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing

/// Element `index` of the partial result of `lane`: about as often positive as negative, from 2^-30 to 2^30.
func partialValue<Element: LaneElement>(_ lane: Int, _ index: Int) -> Element {
    // SplitMix64's finaliser (Steele, Lea, Flood 2014).
    var bits = UInt64(lane) &* 0x1_0000_0000 &+ UInt64(index) &+ 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    let fraction = Element(bits >> 16 & 0xFF_FFFF) * 0x1p-24 + 1
    let scaled = Element(sign: .plus, exponent: Element.Exponent(Int(bits >> 40) % 61 - 30), significand: fraction)
    return bits & 1 == 0 ? scaled : -scaled
}

/// The tree sum of lanes lo..<hi by its definition.
func treeSum<Element: LaneElement>(_ lo: Int, _ hi: Int, _ index: Int) -> Element {
    if hi - lo == 1 { return partialValue(lo, index) }
    let middle = (lo + hi) / 2
    let left: Element = treeSum(lo, middle, index)
    return left + treeSum(middle, hi, index)
}

/// Fails unless each element is a multiple of the tree's sum by its definition, in a round of partial results.
private func expectTree<Element: LaneElement>(_ sum: [Element], _ lanes: Int, _ round: Int, times: Element) throws {
    for i in sum.indices {
        let expected: Element = treeSum(100 * round, 100 * round + lanes, i)
        try expect(sum[i] == times * expected, "\(times) \(expected) as element \(i) of round \(round), not \(sum[i])")
    }
}

private func reduce<Element: LaneElement>(
    _ world: Communicator, _ type: Element.Type, _ assignment: LaneAssignment, count: Int, mode: ReductionMode,
    sharing: Bool, wholeLimit: Int
) throws {
    let lanes = assignment.lanes
    let groups = sharing ? try world.hostGroups() : HostGroups(separating: world)
    let before = sharedMappings
    let reductions = try (0..<2).map { _ in
        try LaneReduction<Element>(
            try groups.duplicate(whole: mode == .fast), assignment, count: count, mode: mode, wholeLimit: wholeLimit)
    }
    let shares = sharedMappings - before
    let expected = mode == .exact && groups.ownRanks.count > 1 ? 2 : 0
    try expect(shares == expected, "\(shares) of the sums are in shared memory")
    func feed(_ reduction: LaneReduction<Element>, round: Int) {
        reduction.begin()
        for lane in reduction.lanes {
            let buffer = reduction.partial(lane)
            for i in 0..<count { buffer[i] = partialValue(lane + 100 * round, i) }
            reduction.finishLane()
        }
    }
    let sums = reductions.map { _ in Buffer<Element>(count) }
    // More than once: nothing of one sum may be left in the next, and nobody may write what another still reads.
    for (sum, reduction) in zip(sums, reductions) {
        for round in (0..<9).reversed() {
            // Each rank is late in its own rounds, and at its own places.
            if (round + world.rank) % 3 == 0 { usleep(300) }
            feed(reduction, round: round)
            try reduction.start(into: sum.pointer)
            if (round + world.rank) % 4 == 0 { usleep(300) }
            try reduction.finish()
            if mode == .exact { try expectTree(sum.elements, lanes, round, times: 1) }
        }
    }
    // Added to what stands there, at once and under way.
    for (sum, reduction) in zip(sums, reductions) where mode == .exact {
        feed(reduction, round: 0)
        try reduction.reduce(into: sum.pointer, adding: true)
        try expectTree(sum.elements, lanes, 0, times: 2)
        sum.pointer.update(from: sum.elements.map { $0 / 2 }, count: count)
        feed(reduction, round: 0)
        try reduction.start(into: sum.pointer, adding: true)
        try reduction.finish()
        try expectTree(sum.elements, lanes, 0, times: 2)
    }
    for (sum, reduction) in zip(sums, reductions) {
        feed(reduction, round: 0)
        try reduction.reduce(into: sum.pointer)
    }
    let sum = sums[0].elements
    // Both under way at once, with other collectives between, each rank in an order of its own.
    for reduction in reductions { feed(reduction, round: 0) }
    for (sum, reduction) in zip(sums, reductions) {
        sum.pointer.update(repeating: .nan, count: count)
        try reduction.start(into: sum.pointer)
    }
    let order = world.rank % 2 == 0 ? reductions : reductions.reversed()
    for _ in 0..<world.rank { for reduction in order { _ = try reduction.advance() } }
    try world.barrier()
    for reduction in order { _ = try reduction.advance() }
    for left in [3, 2] {
        for reduction in reductions where reduction.stagesLeft == left {
            try reduction.waitUntilReady {}
            try reduction.completeStage()
        }
    }
    for reduction in reductions {
        try reduction.finish()
        try expect(try reduction.advance(), "done after the wait")
    }
    for other in sums where mode == .exact || world.worldSize == 1 {
        try expect(other.elements == sum, "sums under way are other bits")
    }
    var same = 0
    for i in 0..<count {
        let expected: Element = treeSum(0, lanes, i)
        if sum[i] == expected { same += 1 }
        var size: Element = 0
        for lane in 0..<lanes { size += abs(partialValue(lane, i)) }
        try expect(abs(sum[i] - expected) <= 8 * size.ulp, "\(expected) as element \(i), not \(sum[i])")
    }
    say("\(same == count ? "equal" : "different") \(sum.withUnsafeBytes { Digest.of($0) }.hexadecimal)")
}

/// Sums in pieces, which come one after another and travel as one; fails unless each is the tree's.
private func reducePieces(
    _ world: Communicator, _ assignment: LaneAssignment, _ counts: [Int], wholeLimit: Int
) throws {
    let (lanes, groups) = (assignment.lanes, try world.hostGroups())
    let before = sharedBytes
    let reduction = try LaneReduction<Float>(
        try groups.duplicate(), assignment, pieces: counts, wholeLimit: wholeLimit)
    let sizes = (0..<groups.count).map { groups.ranks(ofHost: $0).count }
    let isEven = Set(sizes).count == 1 && Set(assignment.counts).count == 1
    if isEven, groups.ownRanks.count > 1, wholeLimit == LaneReduction<Float>.wholeLimit {
        let foretold = LaneReduction<Float>.memory(
            assignment, rank: world.rank, ranksOfHost: sizes[0], count: reduction.count
        ).shared
        let taken = Double(sharedBytes - before)
        // Two counts, an element more in a slice, and whole pages.
        try expect(foretold <= taken && taken < foretold + 8192, "\(foretold) bytes of \(counts), not \(taken)")
    }
    let sum = Buffer<Float>(reduction.count)
    func feed(round: Int) {
        for (piece, range) in reduction.pieces.enumerated() {
            reduction.begin(piece: piece)
            for lane in reduction.lanes {
                let buffer = reduction.partial(lane, piece: piece)
                for i in buffer.indices { buffer[i] = partialValue(lane + 100 * round, range.lowerBound + i) }
                reduction.finishLane(piece: piece)
            }
        }
    }
    func expectTree(round: Int, times: Float) throws {
        for (piece, range) in reduction.pieces.enumerated() {
            for i in range {
                let expected: Float = times * treeSum(100 * round, 100 * round + lanes, i)
                try expect(
                    sum.pointer[i] == expected,
                    "\(expected) as element \(i) of piece \(piece) of \(counts), not \(sum.pointer[i])")
            }
        }
    }
    for round in 0..<3 {
        if (round + world.rank) % 3 == 0 { usleep(300) }
        feed(round: round)
        try reduction.start(into: sum.pointer)
        try reduction.finish()
        try expectTree(round: round, times: 1)
        feed(round: round)
        try reduction.reduce(into: sum.pointer, adding: true)
        try expectTree(round: round, times: 2)
    }
    let digests = reduction.pieces.map { range in
        Digest.of(UnsafeRawBufferPointer(rebasing: sum.bytes[4 * range.lowerBound..<4 * range.upperBound])).hexadecimal
    }
    say("\(counts), \(wholeLimit): \(digests.joined(separator: " "))")
}

/// The memory that this process shares with others and may write, each piece's addresses.
private var sharedMemory: [Range<Int>] {
    kernelText("/proc/self/maps").split(separator: "\n").filter { $0.contains("/memfd:steadfast-written") }.map {
        let ends = $0.prefix { $0 != " " }.split(separator: "-").compactMap { Int($0, radix: 16) }
        return ends[0]..<ends[1]
    }
}

private var sharedMappings: Int { sharedMemory.count }
private var sharedBytes: Int { sharedMemory.reduce(0) { $0 + $1.count } }

private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let time = try clock.measure(body)
    return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
}

let reductionCases: [String: RankCase] = [
    // Arguments: float or double, lanes, or those of each rank as in 2-6, count, exact or fast, the limit of whole
    // results in bytes, `sent` or `shared`. Every rank says whether the sum is the tree's, and its digest.
    "laneReduction": { world, arguments in
        let counts = arguments[1].split(separator: "-").compactMap { Int($0) }
        let lanes =
            counts.count == 1
            ? LaneAssignment(lanes: counts[0], ranks: world.worldSize) : LaneAssignment(counts: counts)
        let count = number(arguments, 2, 1000)
        let mode = ReductionMode(rawValue: arguments[3]) ?? .exact
        let sharing = arguments[5] == "shared"
        let limit = number(arguments, 4, 32768)
        if arguments[0] == "double" {
            try reduce(world, Double.self, lanes, count: count, mode: mode, sharing: sharing, wholeLimit: limit)
        } else {
            try reduce(world, Float.self, lanes, count: count, mode: mode, sharing: sharing, wholeLimit: limit)
        }
    },
    // Arguments: the lanes of each rank as in 2-6. Sums of few and many elements, whole and in slices, host by host;
    // every rank says of each whether it is the tree's, and its digest.
    "hostReduction": { world, arguments in
        let lanes = LaneAssignment(counts: arguments[0].split(separator: "-").compactMap { Int($0) })
        for count in [0, 1, 2, 5, 5003] {
            for limit in [-1, 1 << 20] {
                try reduce(world, Float.self, lanes, count: count, mode: .exact, sharing: true, wholeLimit: limit)
            }
        }
    },
    // Arguments: the lanes of each rank as in 2-6. Sums in one piece and in several, of one element and none too, below
    // and above what goes whole; every rank says the digest of each piece.
    "pieceReduction": { world, arguments in
        let lanes = LaneAssignment(counts: arguments[0].split(separator: "-").compactMap { Int($0) })
        for counts in [[5], [1, 1], [0, 3, 17], [5003, 1, 800], [4096, 4096], [4096, 4097]] {
            for limit in [-1, LaneReduction<Float>.wholeLimit, 1 << 20] {
                try reducePieces(world, lanes, counts, wholeLimit: limit)
            }
        }
    },
    // Arguments: lanes, count. Rank 0 says the median time of a sum in each mode, the writing of partials left out.
    "timeReduction": { world, arguments in
        let (lanes, count) = (number(arguments, 0, 8), number(arguments, 1, 25_000))
        var result = [Float](repeating: 0, count: count)
        try result.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for (name, mode, limit, sharing) in [
                ("exact", ReductionMode.exact, 32768, false), ("exact, whole", .exact, .max, false),
                ("exact, slices", .exact, 0, false), ("exact, shared whole", .exact, .max, true),
                ("exact, shared slices", .exact, 0, true), ("fast", .fast, 32768, false),
            ] {
                let groups = sharing ? try world.hostGroups() : HostGroups(separating: world)
                let reduction = try LaneReduction<Float>(
                    groups, LaneAssignment(lanes: lanes, ranks: world.worldSize), count: count, mode: mode,
                    wholeLimit: limit)
                for lane in reduction.lanes {
                    reduction.partial(lane).update(repeating: Float(lane))
                    reduction.finishLane()
                }
                var times: [(adding: Double, all: Double)] = []
                for _ in 0..<201 {
                    try world.barrier()
                    let adding = seconds {
                        reduction.begin()
                        for lane in reduction.lanes {
                            _ = reduction.partial(lane)
                            reduction.finishLane()
                        }
                    }
                    let reducing = try seconds { try reduction.reduce(into: base) }
                    times.append((adding, adding + reducing))
                }
                let median = times.map(\.all).sorted()[100]
                let adding = times.map(\.adding).sorted()[100]
                if world.rank == 0 {
                    say("\(name): \(Int(median * 1e6)) µs, \(Int(adding * 1e6)) µs of it before the last lane's end")
                }
            }
        }
        let bytes = 1 << 20
        let (a, b) = ([Float](repeating: 1, count: count), [Float](repeating: 2, count: count))
        let repeats = max(1, bytes * 100 / count)
        let time = seconds {
            for _ in 0..<repeats {
                result.withUnsafeMutableBufferPointer { buffer in
                    if let base = buffer.baseAddress { Float.add(a, b, into: base, count: count) }
                }
            }
        }
        if world.rank == 0 { say("add: \(Double(12 * count * repeats) / time * 1e-9) GB/s read and written") }
    },
]
