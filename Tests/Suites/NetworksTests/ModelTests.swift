import Kernels
import Networks
import TestSupport
import Testing

@Suite("Parameters") struct ModelTests {
    private func plan() throws -> NetworkPlan {
        let input = ImageShape(height: 32, width: 32, channels: 3)
        return try NetworkPlan(.plainCIFAR10(.released, input: input, classes: 10))
    }

    @Test("parameters lie apart, each at a multiple of 16, and cover the buffer")
    func layout() throws {
        for (name, network) in SmallNetworks.all {
            let layout = ParameterLayout(try NetworkPlan(network))
            var end = 0
            for entry in layout.entries {
                #expect(
                    entry.offset % 16 == 0 && entry.offset >= end && entry.offset < end + 16, "\(name) \(entry.name)")
                end = entry.offset + entry.count
            }
            #expect(layout.count >= end && layout.count < end + 16)
            #expect(
                layout.moments.map(\.offset)
                    == layout.moments.indices.map { index in
                        layout.moments[..<index].reduce(0) { $0 + 2 * $1.channels }
                    })
            #expect(layout.momentCount == layout.moments.reduce(0) { $0 + 2 * $1.channels })
        }
    }

    @Test("a weight is OIHW as a tensor and HWIO in memory, and comes back as it was")
    func conversion() throws {
        let model = Model(try plan())
        let entry = try #require(model.layout.entries.first { $0.name == "conv2/weight" })
        #expect(entry.shape == [32, 32, 5, 5])
        let tensor = (0..<entry.count).map { Float($0) }
        entry.write(tensor, to: model.parameters.pointer)
        let memory = model.parameters.pointer + entry.offset
        for (o, i, y, x) in [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (31, 30, 3, 2)] {
            #expect(memory[((y * 5 + x) * 32 + i) * 32 + o] == Float(((o * 32 + i) * 5 + y) * 5 + x))
        }
        #expect(entry.tensor(from: model.parameters.pointer) == tensor)
        let others = model.layout.entries.filter { $0.name != entry.name && $0.kind != .gamma }
        #expect(others.allSatisfy { $0.tensor(from: model.parameters.pointer).allSatisfy { $0 == 0 } })
    }

    @Test("initial weights are N(0, deviation^2) of their layer; biases and betas 0, gammas and running variances 1")
    func initialWeights() throws {
        let model = Model(try plan())
        model.drawWeights(seed: 9)
        for entry in model.layout.entries where entry.kind == .weight {
            let draws = entry.tensor(from: model.parameters.pointer).map {
                Double($0) / model.plan.blocks[entry.block].initialDeviation
            }
            let n = Double(draws.count)
            let mean = draws.reduce(0, +) / n
            let square = draws.reduce(0) { $0 + $1 * $1 } / n
            #expect(abs(mean) < 5 / n.squareRoot(), "\(entry.name)")
            #expect(abs(square - 1) < 5 * (2 / n).squareRoot(), "\(entry.name)")
        }
        let robust = Model(try NetworkPlan(SmallNetworks.all[2].network))
        robust.drawWeights(seed: 9)
        for entry in robust.layout.entries where entry.kind != .weight {
            let value: Float = entry.kind == .gamma ? 1 : 0
            #expect(entry.tensor(from: robust.parameters.pointer).allSatisfy { $0 == value }, "\(entry.name)")
        }
        for moment in robust.layout.moments {
            let values = robust.moments.elements[moment.offset...].prefix(2 * moment.channels)
            #expect(values.prefix(moment.channels).allSatisfy { $0 == 0 })
            #expect(values.suffix(moment.channels).allSatisfy { $0 == 1 })
        }
    }

    @Test("a seed fixes the weights; another seed and another layer have others; the tensor's order is the stream's")
    func seeds() throws {
        let plan = try plan()
        let model = Model(plan)
        let parameters = ([2, 1, 1] as [UInt64]).map { seed in
            model.drawWeights(seed: seed)
            return model.parameters.elements
        }
        #expect(parameters[1] == parameters[2] && parameters[0] != parameters[1])
        var draws: Set<Float> = []
        for entry in model.layout.entries where entry.kind == .weight {
            let deviation = Float(plan.blocks[entry.block].initialDeviation)
            for weight in entry.tensor(from: parameters[1]).prefix(64) { draws.insert(weight / deviation) }
        }
        #expect(draws.count > 5 * 64 - 3)
        var random = Philox(seed: 1, purpose: .initialWeights, 0)
        let first = try #require(model.layout.entries.first)
        var pair: [Float] = [0, 0]
        random.fillGaussian(&pair, count: 2)
        #expect(Array(first.tensor(from: parameters[1])[..<2]) == pair.map { $0 * 0.01 })
    }
}
