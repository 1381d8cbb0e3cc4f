import Kernels
import Networks
import TestSupport
import Testing

@Suite("Forward and backward pass of whole networks") struct PropagationGradientTests {
    @Test(
        "outputs, loss, gradients of all parameters and of the input, against plain loops and finite differences",
        arguments: SmallNetworks.all.indices, [NormalizationMode.batch, .running])
    func gradients(_ index: Int, _ mode: NormalizationMode) throws {
        BLAS.useOneThread()
        let network = SmallNetworks.all[index].network
        let model = Model(try NetworkPlan(network))
        model.randomize(index)
        let lanes = [2, 0, 3]
        let images = 5
        let labels = [0, 3, 1, 2, 1]
        let input = gaussians(images * network.input.count, 77)
        let propagation = Propagation(model, lanes: 3, laneCapacity: 3, backward: true, inputGradient: true)
        let reducer = GradientCollector(model, lanes: 3)
        propagation.input.pointer.update(from: input, count: input.count)
        propagation.begin(counts: lanes, globalImages: images)
        try propagation.forward(mode, reducer: reducer)
        let loss = propagation.beginLoss(labels, globalImages: images) / Double(images)
        let outputs = Array(UnsafeBufferPointer(start: propagation.outputs, count: images * propagation.plan.outputs))
        try propagation.backward(reducer: reducer)

        let naive = NaiveNetwork(model)
        let expected = naive.forward(input.doubles, images: images, mode: mode).outputs.joined()
        #expect(deviation(outputs, Array(expected), scale: expected.map { 1 + abs($0) }) < 5e-6)
        let expectedLoss = naive.loss(input.doubles, labels: labels, mode: mode)
        #expect(abs(loss - expectedLoss) < 5e-6 * (1 + expectedLoss))

        var check = GradientCheck()
        check.step = 2e-5
        check.relative = 1e-4
        check.absolute = 1e-4
        check.floor = 1e-7
        for entry in model.layout.entries {
            let gradient = entry.tensor(from: reducer.gradients.pointer).doubles
            let report = check.compare(
                gradient, Self.some(of: entry.count), at: naive.parameters[entry.name] ?? []
            ) { point in
                var moved = naive
                moved.parameters[entry.name] = point
                return moved.loss(input.doubles, labels: labels, mode: mode)
            }
            #expect(report.passed, "\(SmallNetworks.all[index].name), \(entry.name): \(report)")
        }
        let inputGradient = propagation.inputGradient.elements[..<input.count].doubles
        let report = check.compare(inputGradient, Self.some(of: input.count), at: input.doubles) {
            naive.loss($0, labels: labels, mode: mode)
        }
        #expect(report.passed, "\(SmallNetworks.all[index].name), input: \(report)")
    }

    /// All of a few elements, about 60 spread over many.
    private static func some(of count: Int) -> StrideTo<Int> { stride(from: 0, to: count, by: max(1, count / 60)) }

    @Test("the reducer hears of each block once its lanes are done, from the last to the first")
    func order() throws {
        let model = Model(try NetworkPlan(SmallNetworks.plain))
        model.randomize(1)
        let propagation = Propagation(model, lanes: 2, laneCapacity: 2, backward: true)
        let reducer = GradientCollector(model, lanes: 2)
        propagation.begin(counts: [2, 1], globalImages: 3)
        try propagation.forward(.batch, reducer: reducer)
        propagation.beginLoss([0, 1, 2], globalImages: 3)
        try propagation.backward(reducer: reducer)
        #expect(reducer.finishedLanes == [3, 2, 1, 0].flatMap { block in [0, 1].map { [block, $0] } })
    }

    @Test("a second backward pass with another gradient starts from the same state")
    func repeatedBackward() throws {
        BLAS.useOneThread()
        let model = Model(try NetworkPlan(SmallNetworks.all[6].network))
        model.randomize(2)
        let propagation = Propagation(model, lanes: 1, laneCapacity: 4, backward: true, inputGradient: true)
        propagation.input.pointer.update(from: gaussians(propagation.input.count, 3), count: propagation.input.count)
        propagation.begin(images: 4)
        try propagation.forward(.batch, reducer: nil)
        var gradients: [[Float]] = []
        for labels in [[0, 1, 2, 3], [3, 3, 0, 0], [0, 1, 2, 3]] {
            propagation.beginLoss(labels, globalImages: 4)
            try propagation.backward(reducer: nil)
            gradients.append(propagation.inputGradient.elements)
        }
        #expect(gradients[0] == gradients[2] && gradients[0] != gradients[1])
    }

    @Test("running moments move towards the batch's, the mean with the bias, the variance with divisor n")
    func runningMoments() throws {
        BLAS.useOneThread()
        let model = Model(try NetworkPlan(SmallNetworks.all[1].network))
        model.randomize(3)
        let before = NaiveNetwork(model)
        let propagation = Propagation(model, lanes: 1, laneCapacity: 5, backward: false)
        let input = gaussians(propagation.input.count, 4)
        propagation.input.pointer.update(from: input, count: input.count)
        propagation.begin(images: 5)
        try propagation.forward(.batch, reducer: nil)
        propagation.updateRunningMoments(rate: 0.05)
        let after = NaiveNetwork(model)
        let batch = before.forward(input.doubles, images: 5, mode: .batch).moments
        #expect(batch.keys.sorted() == ["norm1", "norm2", "norm_fc1"])
        for (name, moments) in batch {
            for (kind, values) in [("running_mean", moments.mean), ("running_variance", moments.variance)] {
                let expected = zip(before.moments["\(name)/\(kind)"] ?? [], values).map { 0.95 * $0 + 0.05 * $1 }
                let actual = (after.moments["\(name)/\(kind)"] ?? []).map { Float($0) }
                #expect(deviation(actual, expected, scale: expected.map { 1 + abs($0) }) < 1e-6, "\(name)/\(kind)")
            }
        }
    }
}
