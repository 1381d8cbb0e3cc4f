import Lanes
import MessagePassing

/// Each collective against what it has to give, at every rank. Every rank says `ok`.
let collectiveCases: [String: RankCase] = [
    "barrier": { world, _ in
        for _ in 0..<10 { try world.barrier() }
        say("ok")
    },
    "broadcast": { world, _ in
        for root in 0..<world.worldSize {
            let isRoot = world.rank == root
            try expect(try world.broadcast(isRoot ? 2.5 : 0, from: root) == 2.5, "the root's value")
            let array: [Int32] = isRoot ? (0..<1000).map { $0 * 3 } : [1]
            try expect(try world.broadcast(array, from: root) == (0..<1000).map { $0 * 3 }, "the root's array")
            try expect(try world.broadcast(isRoot ? [Float]() : [1], from: root).isEmpty, "an empty array")
            let text = try world.broadcast(isRoot ? "from \(root): größer" : "", from: root)
            try expect(text == "from \(root): größer", "the root's text")
        }
        say("ok")
    },
    "gather": { world, _ in
        let (rank, size) = (world.rank, world.worldSize)
        for root in 0..<size {
            let equal: [Float] = [Float(rank), 0.5]
            var received = [Float](repeating: -1, count: 2 * size)
            try equal.withUnsafeBufferPointer { block in
                try received.withUnsafeMutableBufferPointer { try world.gather(block, into: $0.baseAddress, to: root) }
            }
            let nothing = [Float](repeating: -1, count: 2 * size)
            let all: [Float] = (0..<size).flatMap { [Float($0), 0.5] }
            let expected = rank == root ? all : nothing
            try expect(received == expected, "equal blocks at the root and nothing elsewhere")

            let lists = try world.gather((0..<rank).map { Int16($0 + rank) }, to: root)
            try expect((lists != nil) == (rank == root), "arrays at the root alone")
            if let lists {
                try expect(lists == (0..<size).map { r in (0..<r).map { Int16($0 + r) } }, "arrays of any length")
            }
        }
        say("ok")
    },
    "allGather": { world, _ in
        let (rank, size) = (world.rank, world.worldSize)
        try expect(try world.allGather(Double(rank)) == (0..<size).map(Double.init), "one value of each rank")
        try expect(try world.allGather("rank \(rank)") == (0..<size).map { "rank \($0)" }, "one text of each rank")
        let lists = try world.allGather((0..<(size - rank)).map { UInt16($0 * rank) })
        try expect(lists == (0..<size).map { r in (0..<(size - r)).map { UInt16($0 * r) } }, "arrays of any length")

        var equal = [Int64](repeating: -1, count: 3 * size)
        try [Int64](repeating: Int64(rank), count: 3).withUnsafeBufferPointer { block in
            try equal.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { try world.allGather(block, into: base) }
            }
        }
        try expect(equal == (0..<size).flatMap { [Int64](repeating: Int64($0), count: 3) }, "equal blocks")

        // Rank r gives 7 r elements modulo 5: some give nothing.
        let layout = BlockLayout(counts: (0..<size).map { 7 * $0 % 5 })
        func block(_ r: Int) -> [Float] { (0..<7 * r % 5).map { Float(100 * r + $0) } }
        let all = (0..<size).flatMap(block)
        let place = (0..<rank).flatMap(block).count
        var first = [Float](repeating: -1, count: all.count + 1)
        var second = [Double](repeating: -1, count: all.count + 1)
        for (index, value) in block(rank).enumerated() {
            (first[place + index], second[place + index]) = (value, Double(value) / 3)
        }
        // Two under way on one communicator at once.
        try first.withUnsafeMutableBufferPointer { first in
            try second.withUnsafeMutableBufferPointer { second in
                guard let first = first.baseAddress, let second = second.baseAddress else { return }
                var pending = PendingCollective(
                    try world.startAllGather(inPlace: first, layout), try world.startAllGather(inPlace: second, layout))
                try pending.wait()
            }
        }
        try expect(first == all + [-1], "blocks of different sizes")
        try expect(second == all.map { Double($0) / 3 } + [-1], "those of the second gather")
        say("ok")
    },
    "allReduce": { world, _ in
        let size = world.worldSize
        let sum = size * (size + 1) / 2
        func values<Element: ReducibleElement & Numeric & Equatable>(_ type: Element.Type) throws {
            guard let own = Element(exactly: world.rank + 1), let all = Element(exactly: sum),
                let last = Element(exactly: size)
            else { return }
            for (operation, expected) in [(ReduceOperation.sum, all), (.max, last), (.min, 1)] {
                var buffer = [Element](repeating: own, count: 1000)
                try buffer.withUnsafeMutableBufferPointer { try world.allReduce($0, operation) }
                try expect(buffer.allSatisfy { $0 == expected }, "\(operation) of \(type)")
                try expect(try world.allReduce(own, operation) == expected, "\(operation) of one \(type)")
            }
        }
        try values(Float.self)
        try values(Double.self)
        try values(Int64.self)
        try values(Int32.self)
        say("ok")
    },
    "allToAll": { world, _ in
        // Rank r sends r + s elements to rank s.
        let (rank, size) = (world.rank, world.worldSize)
        let counts = (0..<size).map { Int32(rank + $0) }
        let starts = counts.indices.map { counts[..<$0].reduce(0, +) }
        func block(_ from: Int, _ to: Int) -> [Float] { (0..<(from + to)).map { Float(10_000 * from + 100 * to + $0) } }
        // Rank 0 sends itself nothing; one element more, so that there is an address.
        let sent: [Float] = (0..<size).flatMap { block(rank, $0) } + [0]
        var received = [Float](repeating: -1, count: sent.count)
        try received.withUnsafeMutableBufferPointer { buffer in
            try sent.withUnsafeBufferPointer { block in
                guard let base = buffer.baseAddress, let source = block.baseAddress else { return }
                var pending = try world.startAllToAll(
                    source, counts: counts, displacements: starts, into: base, counts: counts, displacements: starts)
                try pending.wait()
            }
        }
        try expect(Array(received.dropLast()) == (0..<size).flatMap { block($0, rank) }, "the block of each rank")
        say("ok")
    },
    "split": { world, _ in
        let parity = try world.split(color: world.rank % 2, key: -world.rank)
        let members = (0..<world.worldSize).filter { $0 % 2 == world.rank % 2 }.reversed()
        try expect(parity.worldSize == members.count, "\(members.count) ranks of one parity")
        try expect(try parity.allGather(world.rank) == Array(members), "the order of the keys")
        try parity.finish()
        let node = try world.splitByNode()
        try expect(try node.allGather(world.hostName).allSatisfy { $0 == world.hostName }, "one machine")
        try expect(node.worldSize == world.worldSize, "all ranks on this machine")
        try node.finish()
        say("ok")
    },
    "rowGather": { world, _ in
        let (lanes, columns, batch) = (8, 7, 21)
        let groups = HostGroups(separating: world)
        let gather = RowGather<Float>(
            groups, LaneAssignment(lanes: lanes, ranks: world.worldSize), columns: columns)
        // A whole batch, a short one that leaves lanes without rows, a whole one again.
        for rows in [batch, 5, batch] {
            gather.setRows { lane in
                max(0, min(rows, (lane + 1) * batch / lanes) - lane * batch / lanes)
            }
            try expect(gather.rows == rows, "\(rows) rows")
            let expected = (0..<rows * columns).map(Float.init)
            let own = gather.lanes.flatMap { gather.rows(ofLane: $0) }.flatMap { row in
                (0..<columns).map { Float(row * columns + $0) }
            }
            var matrix = [Float](repeating: -1, count: rows * columns)
            try (own + [0]).withUnsafeBufferPointer { block in
                try matrix.withUnsafeMutableBufferPointer { buffer in
                    guard let source = block.baseAddress, let base = buffer.baseAddress else { return }
                    gather.place(source, into: base)
                    var pending = try gather.start(base, on: world)
                    try pending.wait()
                    try expect(try pending.test(), "done after the wait")
                }
            }
            try expect(matrix == expected, "\(rows) rows in lane order")
        }
        say("ok")
    },
]
