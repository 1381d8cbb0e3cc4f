import Kernels
import Networks
import Recipes
import TestSupport
import Testing
import Training

@Suite("Stochastic gradient descent with momentum")
struct OptimizerTests {
    /// A model and an optimiser of it, with weights, momenta and a gradient by a fixed stream.
    private struct Fixture {
        let model: Model
        let optimizer: Optimizer
        let gradients: [Buffer<Float>]

        init(clipping: Double? = nil) throws {
            let recipe = try Recipe.load("glyphs-mrelu-r-m")
            let shape = ImageShape(height: 28, width: 28, channels: 1)
            model = Model(try NetworkPlan(recipe.network(input: shape, classes: 10)))
            model.drawWeights(seed: 3)
            let factors = model.layout.entries.indices.map { $0 % 2 == 0 ? 1 : 2.0 }
            optimizer = Optimizer(model, momentum: 0.9, weightDecay: 0.01, factors: factors, clipping: clipping)
            gradients = model.layout.entries.enumerated().map { index, entry in
                let buffer = Buffer<Float>(entry.count)
                buffer.pointer.update(from: gaussians(entry.count, index), count: entry.count)
                return buffer
            }
            optimizer.momenta.pointer.update(from: gaussians(model.layout.count, 99), count: model.layout.count)
        }

        func step() -> Double { optimizer.step(gradients.map(\.pointer), learningRate: 0.1) }
    }

    @Test("is the plain loop's, and returns the gradient's norm before clipping", arguments: [nil, 2.0, 1e9])
    func definition(clipping: Double?) throws {
        let fixture = try Fixture(clipping: clipping)
        let norm = fixture.gradients.flatMap(\.elements).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let scale = clipping.map { min(1, $0 / norm) } ?? 1
        var (w, v) = (
            fixture.model.parameters.elements.map(Double.init), fixture.optimizer.momenta.elements.map(Double.init)
        )
        for (index, entry) in fixture.model.layout.entries.enumerated() {
            let decay = entry.kind == .weight || entry.kind == .bias ? 0.01 : 0
            let slopes = fixture.gradients[index].elements
            for i in 0..<entry.count {
                let at = entry.offset + i
                v[at] = 0.9 * v[at] + scale * Double(slopes[i]) + decay * w[at]
                w[at] -= 0.1 * (index % 2 == 0 ? 1 : 2) * v[at]
            }
        }
        let found = fixture.step()
        #expect(abs(found - norm) <= 1e-9 * norm)
        for (found, exact) in zip(fixture.model.parameters.elements, w) { #expect(abs(Double(found) - exact) < 2e-6) }
        for (found, exact) in zip(fixture.optimizer.momenta.elements, v) { #expect(abs(Double(found) - exact) < 2e-6) }
    }

    @Test("returns no number where one of the gradients or parameters is none", arguments: [nil, 2.0])
    func notFinite(clipping: Double?) throws {
        for value in [Float.infinity, -.infinity, .nan] {
            for entry in 0..<3 {
                let gradient = try Fixture(clipping: clipping)
                gradient.gradients[entry].pointer[gradient.gradients[entry].count - 1] = value
                #expect(!gradient.step().isFinite)
                let parameter = try Fixture(clipping: clipping)
                parameter.model.parameters.pointer[parameter.model.layout.entries[entry].offset] = value
                #expect(!parameter.step().isFinite)
            }
        }
    }
}
