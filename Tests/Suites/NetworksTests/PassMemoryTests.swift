import Kernels
import Networks
import TestSupport
import Testing

@Suite("Memory of the passes") struct PassMemoryTests {
    /// The floats of an image's gradients where every one has a place of its own.
    private static func apart(_ plan: NetworkPlan) -> Int {
        let end = plan.blocks.count - 1
        return plan.blocks.enumerated().reduce(0) { sum, block in
            let isPassedOn = block.element.isChained || block.offset == end
            return sum + block.element.sourceShape.count + (isPassedOn ? 0 : block.element.output.count)
        }
    }

    private static func planned(_ plan: NetworkPlan) -> Int {
        PropagationSizes(plan, lanes: 1, laneCapacity: 1, backward: true).gradientCount
    }

    @Test("a deep network's gradients share places; no network takes more than with places apart")
    func shares() throws {
        let image = ImageShape(height: 32, width: 32, channels: 3)
        let deep = try NetworkPlan(.resNet(depth: 20, input: image, classes: 10))
        #expect(4 * Self.planned(deep) < Self.apart(deep))
        for (name, network) in SmallNetworks.all {
            let plan = try NetworkPlan(network)
            // Regions begin at cache lines.
            #expect(Self.planned(plan) <= Self.apart(plan) + 32 * plan.blocks.count, "\(name)")
        }
    }

    @Test("what a residual network's gradients are does not depend on the images that there is room for")
    func room() throws {
        BLAS.useOneThread()
        let network = try #require(SmallNetworks.all.first { $0.name == "residual blocks" }).network
        let model = Model(try NetworkPlan(network))
        model.randomize(6)
        let gradients = try [3, 7, 20].map { room in
            let propagation = Propagation(model, lanes: 1, laneCapacity: room, backward: true, inputGradient: true)
            propagation.input.pointer.update(
                from: gaussians(3 * network.input.count, 8), count: 3 * network.input.count)
            propagation.begin(images: 3)
            try propagation.forward(.batch, reducer: nil)
            propagation.beginLoss([0, 1, 2], globalImages: 3)
            try propagation.backward(reducer: nil)
            return Array(propagation.inputGradient.elements[..<(3 * network.input.count)])
        }
        #expect(gradients[0] == gradients[1] && gradients[0] == gradients[2])
    }

    @Test("results that nobody reads later on share places, and outputs and gradients are the same bits")
    func results() throws {
        BLAS.useOneThread()
        let image = ImageShape(height: 32, width: 32, channels: 3)
        let deep = try NetworkPlan(.resNet(depth: 20, input: image, classes: 10))
        func floats(backward: Bool, keeps: Bool) -> Int {
            PropagationSizes(deep, lanes: 1, laneCapacity: 10, backward: backward, keepsOutputs: keeps).resultCount
        }
        #expect(4 * floats(backward: false, keeps: false) < floats(backward: false, keeps: true))
        #expect(3 * floats(backward: true, keeps: false) < 2 * floats(backward: true, keeps: true))
        for (name, network) in SmallNetworks.all {
            let model = Model(try NetworkPlan(network))
            model.randomize(6)
            func run(_ keeps: Bool, backward: Bool) throws -> [[UInt32]] {
                let propagation = Propagation(
                    model, lanes: 1, laneCapacity: 4, backward: backward, inputGradient: backward, keepsOutputs: keeps)
                // Twice: what the first pass leaves does not reach the second.
                return try [4, 3].flatMap { images -> [[UInt32]] in
                    let count = images * network.input.count
                    propagation.input.pointer.update(from: gaussians(count, images), count: count)
                    propagation.begin(images: images)
                    try propagation.forward(.running, reducer: nil)
                    let outputs = images * propagation.plan.outputs
                    let z = (0..<outputs).map { propagation.outputs[$0].bitPattern }
                    guard backward else { return [z] }
                    return try [1, 2].reduce(into: [z]) { found, factor in
                        for i in 0..<outputs { propagation.outputGradient[i] = Float((i % 5 - 2) * factor) }
                        try propagation.backward(reducer: nil)
                        found.append(propagation.inputGradient.elements[..<count].map(\.bitPattern))
                    }
                }
            }
            for backward in [false, true] {
                #expect(try run(false, backward: backward) == run(true, backward: backward), "\(name)")
            }
        }
    }
}
