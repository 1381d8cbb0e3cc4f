import Foundation
import Kernels
import Networks
import TestSupport
import Testing

/// Where ranks that are threads meet: each gives its lanes' partials and gets those of all.
private final class Meeting: @unchecked Sendable {
    private let condition = NSCondition()
    private let ranks: Int
    private var given: [Int: [Double]] = [:]
    private var taken: [Double] = []
    private var round = 0

    init(ranks: Int) { self.ranks = ranks }

    func exchange(_ rank: Int, _ partials: [Double]) -> [Double] {
        condition.lock()
        defer { condition.unlock() }
        given[rank] = partials
        let mine = round
        if given.count == ranks {
            taken = (0..<ranks).flatMap { given[$0] ?? [] }
            given = [:]
            round += 1
            condition.broadcast()
        } else {
            while round == mine { condition.wait() }
        }
        return taken
    }
}

/// The state after a training step on one rank.
private struct Outcome: Equatable, Sendable {
    var outputs: [Float] = []
    var inputGradient: [Float] = []
    /// [lane][block]
    var laneGradients: [[[Float]]] = []
    /// bias, gamma and beta of all blocks; weights left out.
    var channelGradients: [Float] = []
    var moments: [Float] = []
}

@Suite("Lanes and ranks") struct PropagationLaneTests {
    private static let lanes = 8

    /// One step on the lanes of rank `rank` of `ranks`, each lane at its place of the global batch.
    private static func step(_ network: Network, batch: Int, rank: Int, of ranks: Int, _ meeting: Meeting) throws
        -> Outcome
    {
        let model = Model(try NetworkPlan(network))
        model.randomize(5)
        let starts = (0...lanes).map { $0 * batch / lanes }
        let mine = rank * lanes / ranks..<(rank + 1) * lanes / ranks
        let (first, end) = (starts[mine.lowerBound], starts[mine.upperBound])
        let propagation = Propagation(
            model, lanes: mine.count, laneCapacity: (batch + lanes - 1) / lanes, backward: true, inputGradient: true)
        let reducer = GradientCollector(model, lanes: mine.count) { partials, count, total in
            let local = Array(UnsafeBufferPointer(start: partials, count: mine.count * count))
            GradientCollector.add(meeting.exchange(rank, local), lanes: lanes, count: count, into: total)
        }
        let size = network.input.count
        let input = gaussians(batch * size, 6)
        for i in first * size..<end * size { propagation.input.pointer[i - first * size] = input[i] }
        propagation.begin(counts: mine.map { starts[$0 + 1] - starts[$0] }, globalImages: batch)
        try propagation.forward(.batch, reducer: reducer)
        let outputCount = (end - first) * propagation.plan.outputs
        let outputs = Array(UnsafeBufferPointer(start: propagation.outputs, count: outputCount))
        propagation.beginLoss((first..<end).map { $0 % network.classes }, globalImages: batch)
        try propagation.backward(reducer: reducer)
        propagation.updateRunningMoments(rate: 0.05)
        let channels = model.layout.entries.filter { $0.kind != .weight }
        return Outcome(
            outputs: outputs, inputGradient: Array(propagation.inputGradient.elements[..<((end - first) * size)]),
            laneGradients: mine.indices.map { lane in
                reducer.laneGradients.map { $0[lane - mine.lowerBound].elements }
            },
            channelGradients: channels.flatMap { $0.tensor(from: reducer.gradients.pointer) },
            moments: model.moments.elements)
    }

    /// The same step on `ranks` threads, put together in rank order.
    private static func run(_ network: Network, batch: Int, ranks: Int) throws -> Outcome {
        let meeting = Meeting(ranks: ranks)
        let group = DispatchGroup()
        let results = Results(ranks)
        for rank in 0..<ranks {
            group.enter()
            Thread.detachNewThread {
                results.set(rank, Result { try step(network, batch: batch, rank: rank, of: ranks, meeting) })
                group.leave()
            }
        }
        group.wait()
        let outcomes = try results.all.map { try $0.get() }
        var whole = outcomes[0]
        for outcome in outcomes.dropFirst() {
            whole.outputs += outcome.outputs
            whole.inputGradient += outcome.inputGradient
            whole.laneGradients += outcome.laneGradients
            #expect(outcome.channelGradients == whole.channelGradients && outcome.moments == whole.moments)
        }
        return whole
    }

    private final class Results: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Int: Result<Outcome, any Error>] = [:]
        private let count: Int

        init(_ count: Int) { self.count = count }
        func set(_ rank: Int, _ value: Result<Outcome, any Error>) { lock.withLock { values[rank] = value } }
        var all: [Result<Outcome, any Error>] { lock.withLock { (0..<count).compactMap { values[$0] } } }
    }

    @Test(
        "a step on eight lanes has the same bits on 1, 2, 3 and 8 ranks, lanes without images included",
        arguments: [1, 3, 4, 7, 8, 9, 10, 11], [21, 5])
    func independentOfRanks(_ index: Int, _ batch: Int) throws {
        BLAS.useOneThread()
        let network = SmallNetworks.all[index].network
        let alone = try Self.run(network, batch: batch, ranks: 1)
        #expect(alone.outputs.count == batch * 4 && alone.outputs.allSatisfy { $0.isFinite })
        #expect(alone.laneGradients.count == 8 && alone.inputGradient.contains { $0 != 0 })
        for ranks in [2, 3, 8] { #expect(try Self.run(network, batch: batch, ranks: ranks) == alone, "\(ranks) ranks") }
    }

    /// The input of the first fully connected layer, the outputs and the input's gradient, each [image][elements], of
    /// images that stand in a batch in the given order.
    private func evaluate(_ model: Model, _ images: [[Float]], order: [Int]) throws -> [[[Float]]] {
        let plan = model.plan
        let propagation = Propagation(model, lanes: 1, laneCapacity: order.count, backward: true, inputGradient: true)
        propagation.begin(images: order.count)
        let size = plan.network.input.count
        for (place, image) in order.enumerated() {
            for i in 0..<size { propagation.input.pointer[place * size + i] = images[image][i] }
        }
        try propagation.forward(.running, reducer: nil)
        let outputs = Array(UnsafeBufferPointer(start: propagation.outputs, count: order.count * plan.outputs))
        let block = plan.blocks.firstIndex { $0.convolution?.isFullyConnected == true } ?? 0
        let hiddenSize = plan.blocks[block].convolution?.input.count ?? 0
        let hidden = Array(
            UnsafeBufferPointer(start: propagation.blockInput(block), count: order.count * hiddenSize))
        propagation.beginLoss(order.map { $0 % 3 }, globalImages: order.count)
        try propagation.backward(reducer: nil)
        return [(hidden, hiddenSize), (outputs, plan.outputs), (propagation.inputGradient.elements, size)].map {
            all, size in
            order.indices.map { Array(all[$0 * size..<($0 + 1) * size]) }
        }
    }

    @Test(
        "in evaluation mode an image's bits depend on nothing else; its place counts in products over the batch alone",
        arguments: SmallNetworks.all.indices)
    func independentOfOthers(_ index: Int) throws {
        BLAS.useOneThread()
        let model = Model(try NetworkPlan(SmallNetworks.all[index].network))
        model.randomize(6)
        let images = (0..<26).map { gaussians(model.plan.network.input.count, 800 + $0) }
        let straight = try evaluate(model, images, order: Array(0..<13))
        for image in [0, 5, 12] {
            // Other images around it.
            let others = try evaluate(model, images, order: (0..<13).map { $0 == image ? image : $0 + 13 })
            #expect(others.map { $0[image] } == straight.map { $0[image] })
            #expect(others[1][(image + 1) % 13] != straight[1][(image + 1) % 13])
            // Elsewhere, up to the first fully connected layer.
            let moved = try evaluate(model, images, order: (0..<13).map { (image + $0) % 13 })
            #expect(moved[0][0] == straight[0][image])
        }
    }

    @Test("what a larger batch left in memory, NaN included, does not reach a smaller one")
    func noLeftovers() throws {
        BLAS.useOneThread()
        for (name, network) in SmallNetworks.all {
            let model = Model(try NetworkPlan(network))
            model.randomize(7)
            let size = network.input.count
            func step(_ propagation: Propagation, _ images: Int, _ value: (Int) -> Float) throws -> [Float] {
                for i in 0..<images * size { propagation.input.pointer[i] = value(i) }
                propagation.begin(images: images)
                let reducer = GradientCollector(model, lanes: 1)
                try propagation.forward(.batch, reducer: reducer)
                propagation.beginLoss((0..<images).map { $0 % 3 }, globalImages: images)
                try propagation.backward(reducer: reducer)
                return reducer.gradients.elements + propagation.inputGradient.elements[..<(images * size)]
            }
            let used = Propagation(model, lanes: 1, laneCapacity: 6, backward: true, inputGradient: true)
            let fresh = Propagation(model, lanes: 1, laneCapacity: 6, backward: true, inputGradient: true)
            let input = gaussians(3 * size, 9)
            _ = try step(used, 6) { _ in .nan }
            #expect(try step(used, 3) { input[$0] } == step(fresh, 3) { input[$0] }, "\(name)")
        }
    }
}
