import Foundation
import Kernels
import Networks
import Recipes
import TestSupport
import Testing
import Training

@Suite("The rules by which parameters follow their gradient")
struct OptimizerTests {
    /// A model and an optimiser of it, with weights, moments and a gradient by a fixed stream.
    private struct Fixture {
        let model: Model
        let optimizer: Optimizer
        let gradients: [Buffer<Float>]

        init(_ rule: OptimizerRecipe = OptimizerRecipe(), clipping: Double? = nil) throws {
            let recipe = try Recipe.load("glyphs-mrelu-r-m")
            let shape = ImageShape(height: 28, width: 28, channels: 1)
            model = Model(try NetworkPlan(recipe.network(input: shape, classes: 10)))
            model.drawWeights(seed: 3)
            let factors = model.layout.entries.indices.map { $0 % 2 == 0 ? 1 : 2.0 }
            optimizer = Optimizer(
                model, rule, momentum: 0.9, weightDecay: 0.01, factors: factors, clipping: clipping)
            gradients = model.layout.entries.enumerated().map { index, entry in
                let buffer = Buffer<Float>(entry.count)
                buffer.pointer.update(from: gaussians(entry.count, index), count: entry.count)
                return buffer
            }
            for (index, buffer) in optimizer.moments.enumerated() {
                let values = gaussians(model.layout.count, 99 + index)
                // A second moment is no negative number.
                buffer.pointer.update(from: index == 0 ? values : values.map(abs), count: values.count)
            }
        }

        func step() -> Double { optimizer.step(gradients.map(\.pointer), learningRate: 0.1) }
    }

    private static let adam = (beta1: 0.7, beta2: 0.8, epsilon: 0.01)
    private static let rules = OptimizerRecipe.Kind.allCases.map {
        OptimizerRecipe($0, beta1: adam.beta1, beta2: adam.beta2, epsilon: adam.epsilon)
    }

    /// One element's step t by the definitions, in double precision.
    private func expected(
        _ rule: OptimizerRecipe, _ w: inout Double, _ moments: inout [Double], _ g: Double, decay: Double, rate: Double,
        t: Double
    ) {
        let (b1, b2) = (Self.adam.beta1, Self.adam.beta2)
        switch rule.kind {
        case .sgd, .nesterov:
            let d = g + decay * w
            moments[0] = 0.9 * moments[0] + d
            w -= rate * (rule.kind == .nesterov ? d + 0.9 * moments[0] : moments[0])
        case .adam, .adamw:
            let d = rule.kind == .adam ? g + decay * w : g
            if rule.kind == .adamw { w -= rate * decay * w }
            moments[0] = b1 * moments[0] + (1 - b1) * d
            moments[1] = b2 * moments[1] + (1 - b2) * d * d
            let (first, second) = (moments[0] / (1 - pow(b1, t)), moments[1] / (1 - pow(b2, t)))
            w -= rate * first / (second.squareRoot() + Self.adam.epsilon)
        }
    }

    @Test("are the plain loops', and return the gradient's norm before clipping", arguments: rules, [nil, 2.0, 1e9])
    func definition(_ rule: OptimizerRecipe, clipping: Double?) throws {
        let fixture = try Fixture(rule, clipping: clipping)
        let norm = fixture.gradients.flatMap(\.elements).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let scale = clipping.map { min(1, $0 / norm) } ?? 1
        var w = fixture.model.parameters.elements.map(Double.init)
        var moments = fixture.optimizer.moments.map { $0.elements.map(Double.init) }
        for t in 1...3 {
            for (index, entry) in fixture.model.layout.entries.enumerated() {
                let decay = entry.kind == .weight || entry.kind == .bias ? 0.01 : 0
                let slopes = fixture.gradients[index].elements
                for i in 0..<entry.count {
                    let at = entry.offset + i
                    var own = moments.map { $0[at] }
                    expected(
                        rule, &w[at], &own, scale * Double(slopes[i]), decay: decay,
                        rate: 0.1 * (index % 2 == 0 ? 1 : 2), t: Double(t))
                    for (place, value) in own.enumerated() { moments[place][at] = value }
                }
            }
            let found = fixture.step()
            #expect(abs(found - norm) <= 1e-9 * norm)
        }
        #expect(fixture.optimizer.updates == 3)
        for (found, exact) in zip([fixture.model.parameters] + fixture.optimizer.moments, [w] + moments) {
            let worst = zip(found.elements, exact).reduce(0) { max($0, abs(Double($1.0) - $1.1) / max(1, abs($1.1))) }
            #expect(worst < 4e-6)
        }
    }

    @Test("return no number where one of the gradients or parameters is none", arguments: rules, [nil, 2.0])
    func notFinite(_ rule: OptimizerRecipe, clipping: Double?) throws {
        for value in [Float.infinity, -.infinity, .nan] {
            for entry in 0..<3 {
                let gradient = try Fixture(rule, clipping: clipping)
                gradient.gradients[entry].pointer[gradient.gradients[entry].count - 1] = value
                #expect(!gradient.step().isFinite)
                let parameter = try Fixture(rule, clipping: clipping)
                parameter.model.parameters.pointer[parameter.model.layout.entries[entry].offset] = value
                #expect(!parameter.step().isFinite)
            }
        }
    }
}
