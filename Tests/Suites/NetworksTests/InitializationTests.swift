import Foundation
import Kernels
import Networks
import TestSupport
import Testing

@Suite("Initial weights and the scale of the image")
struct InitializationTests {
    private static let shape = ImageShape(height: 6, width: 6, channels: 3)

    private func network(_ initialization: Initialization?, scale: [Float]? = nil) -> Network {
        Network(
            input: Self.shape, classes: 4,
            layers: [
                .convolution(.init(channels: 8, size: 3)),
                .convolution(.init(channels: 5, size: 2, initialDeviation: 0.3)), .activation(.relu),
                .fullyConnected(.init(channels: 4)),
            ], inputScale: scale, initialization: initialization)
    }

    @Test("a stated deviation stays; the others follow from inputs and outputs")
    func deviations() throws {
        for (initialization, expected) in [
            (nil, [0.01, 0.3, 0.01]), (.normal, [0.01, 0.3, 0.01]),
            (.he, [(2 / 27.0).squareRoot(), 0.3, (2 / 45.0).squareRoot()]),
            (.xavier, [(2 / (27.0 + 72)).squareRoot(), 0.3, (2 / (45.0 + 36)).squareRoot()]),
        ] as [(Initialization?, [Double])] {
            let found = try NetworkPlan(network(initialization)).blocks.compactMap {
                $0.convolution == nil ? nil : $0.initialDeviation
            }
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 } && found.count == 3, "\(found)")
        }
    }

    @Test("the description has only what is not as ever, and reads back")
    func description() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        for (network, states) in [(network(nil), false), (network(.he, scale: [0.5, 1, 2]), true)] {
            let data = try encoder.encode(network)
            let text = String(decoding: data, as: UTF8.self)
            #expect(text.contains(#""initialization":"he","input":"#) == states)
            #expect(text.contains(#""input_scale":[0.5,1,2]"#) == states)
            #expect(text.contains("input_scale") == states && text.contains("initialization") == states)
            #expect(try JSONDecoder().decode(Network.self, from: data) == network)
        }
    }

    @Test("every layer that takes the image takes it scaled; what only prepares it costs no gradient")
    func scale() throws {
        let plan = try NetworkPlan(network(nil, scale: [0.5]))
        #expect(plan.layerNames.first == "input_scale" && plan.graph.nodes[1].inputs == [0])
        #expect(plan.trainingOperations == (try NetworkPlan(network(nil))).trainingOperations)
        #expect(try NetworkPlan(network(nil, scale: [1])).layerNames.first == "conv1")
        // A network on images that are half as bright, and the network that halves them.
        let (halving, plain) = (Model(plan), Model(try NetworkPlan(network(nil))))
        halving.randomize(1)
        plain.randomize(1)
        let pixels = gaussians(Self.shape.count, 4)
        let outputs = try [(halving, 1), (plain, Float(0.5))].map { model, factor in
            let propagation = Propagation(model, lanes: 1, laneCapacity: 1, backward: false)
            propagation.begin(images: 1)
            propagation.input.pointer.update(from: pixels.map { factor * $0 }, count: pixels.count)
            try propagation.forward(.running, reducer: nil)
            return (0..<4).map { propagation.outputs[$0] }
        }
        #expect(outputs[0] == outputs[1])
        #expect(throws: (any Error).self) { try NetworkPlan(network(nil, scale: [1, 2])) }
        #expect(throws: (any Error).self) { try NetworkPlan(network(nil, scale: [.nan])) }
    }
}
