import Lanes
import Testing

@Suite("Windows of chunks") struct WindowPlanTests {
    /// Chunks' images, drawn samples, images of a window at least, batch, lanes.
    static let cases: [(counts: [Int], drawn: Int, size: Int, batch: Int, lanes: Int)] = [
        ([10, 10, 10, 10, 3], 7, 12, 6, 3), ([40, 40, 40, 40, 40, 40, 11], 0, 64, 32, 8),
        ([1, 1, 1, 1, 1, 1, 1], 1, 2, 1, 1), ([5, 0, 9, 0, 0, 2, 30, 1], 13, 10, 5, 5),
        ([100, 100], 20, 100, 50, 4), ([7], 2, 3, 1, 1), (Array(repeating: 13, count: 100) + [1], 130, 200, 100, 8),
    ]

    private func plan(_ test: (counts: [Int], drawn: Int, size: Int, batch: Int, lanes: Int)) -> LanePlan {
        let windows = WindowPlan(counts: test.counts, drawn: test.drawn, size: test.size, seed: 5)
        return LanePlan(
            samples: windows.samples, batch: test.batch, lanes: test.lanes, seed: 5, windows: windows)
    }

    @Test("serve every sample once an epoch, each batch's out of the windows that hold its positions", arguments: cases)
    func order(counts: [Int], drawn: Int, size: Int, batch: Int, lanes: Int) throws {
        let plan = plan((counts, drawn, size, batch, lanes))
        let windows = try #require(plan.windows)
        let starts = counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
        for epoch in 0..<3 {
            let cut = windows.epoch(epoch)
            #expect(cut.chunks.sorted() == (0..<Int32(counts.count)).map { $0 })
            #expect(cut.windows.flatMap { Array($0.chunks) } == Array(0..<counts.count))
            #expect(cut.windows.flatMap { Array($0.positions) } == Array(0..<plan.samples))
            for window in cut.windows.dropLast() {
                #expect(window.chunks.reduce(0) { $0 + counts[Int(cut.chunks[$1])] } >= size)
                #expect(window.chunks.count <= windows.mostChunks)
            }
            let orders = plan.orders(of: 0..<lanes, epoch: epoch)
            #expect(orders.flatMap { $0 }.sorted() == (0..<Int32(plan.samples)).map { $0 })
            // Another deal of lanes sees the same.
            for lane in 0..<lanes { #expect(plan.orders(of: lane..<lane + 1, epoch: epoch) == [orders[lane]]) }
            for step in 0..<plan.stepsPerEpoch {
                let positions = step * batch..<step * batch + plan.batchSize(stepInEpoch: step)
                let held = Set(cut.windows(holding: positions).flatMap { cut.windows[$0].chunks })
                for lane in 0..<lanes {
                    for id in orders[lane][plan.range(lane: lane, stepInEpoch: step)] where Int(id) < windows.images {
                        let chunk = starts.lastIndex { $0 <= Int(id) } ?? 0
                        #expect(held.contains { Int(cut.chunks[$0]) == chunk })
                    }
                }
            }
        }
    }

    @Test("hold drawn samples in proportion to their images")
    func drawn() {
        let windows = WindowPlan(counts: Array(repeating: 50, count: 20), drawn: 100, size: 100, seed: 1)
        for window in windows.epoch(4).windows { #expect(window.positions.count == 110) }
        #expect(windows.epoch(0).chunks != windows.epoch(1).chunks)
    }

    @Test("of two batches or more: two steps ask for no more chunks than three windows have", arguments: cases)
    func memory(counts: [Int], drawn: Int, size: Int, batch: Int, lanes: Int) throws {
        let plan = plan((counts, drawn, size, batch, lanes))
        let windows = try #require(plan.windows)
        func numbers(_ epoch: Int, _ step: Int) -> Range<Int> {
            let cut = windows.epoch(epoch)
            let due = cut.windows(holding: step * batch..<step * batch + plan.batchSize(stepInEpoch: step))
            return epoch * counts.count + cut.windows[due.lowerBound].chunks.lowerBound..<epoch * counts.count
                + cut.windows[due.upperBound - 1].chunks.upperBound
        }
        for step in 0..<3 * plan.stepsPerEpoch {
            let (epoch, inEpoch) = step.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
            let (next, inNext) = (step + 1).quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
            #expect(numbers(next, inNext).upperBound - numbers(epoch, inEpoch).lowerBound <= windows.mostResident)
        }
    }

    @Test("of which one holds all: the order is that of a plan without windows")
    func whole() {
        let windows = WindowPlan(counts: [30, 30, 11], drawn: 9, size: 71, seed: 3)
        #expect(windows.isWhole && windows.mostChunks == 3)
        let (cut, plain) = (
            LanePlan(samples: 80, batch: 12, lanes: 5, seed: 3, windows: windows),
            LanePlan(samples: 80, batch: 12, lanes: 5, seed: 3)
        )
        for epoch in 0..<3 { #expect(cut.orders(of: 0..<5, epoch: epoch) == plain.orders(of: 0..<5, epoch: epoch)) }
    }
}
