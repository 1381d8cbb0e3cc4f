import Foundation
import Kernels
import Networks
import TestSupport
import Testing

/// A replica that repeats a trace's steps: plain SGD with momentum and weight decay, written out.
private final class TracedTraining {
    let trace: StepTrace
    let model: Model
    private let propagation: Propagation
    private let reducer: GradientCollector
    private var velocities: [Float]
    private let lanes = 2

    /// The results of a pass, tensors in the trace's order of elements.
    struct Pass {
        var loss = 0.0
        var values: [[Double]] = []
        var outputs: [[Double]] = []
        var errors = 0
        var imageGradient: [Float] = []
        var gradients: [String: [Float]] = [:]
        var velocities: [String: [Float]] = [:]
        var parameters: [String: [Float]] = [:]
        var moments: [String: [Float]] = [:]
    }

    init(_ trace: StepTrace) throws {
        self.trace = trace
        model = Model(try NetworkPlan(trace.network))
        propagation = Propagation(
            model, lanes: lanes, laneCapacity: trace.batch, backward: true, inputGradient: true)
        reducer = GradientCollector(model, lanes: lanes)
        velocities = [Float](repeating: 0, count: model.layout.count)
        let layout = model.layout
        #expect(Set(layout.entries.map(\.name)) == Set(trace.parameters.map(\.name)))
        trace.start(model)
    }

    private func momentOffset(_ name: String) -> Int? {
        for moment in model.layout.moments {
            if name == "\(moment.name)/running_mean" { return moment.offset }
            if name == "\(moment.name)/running_variance" { return moment.offset + moment.channels }
        }
        return nil
    }

    private func tensors(_ buffer: [Float]) -> [String: [Float]] {
        let entries = model.layout.entries.map { entry in (entry.name, entry.tensor(from: buffer)) }
        return Dictionary(uniqueKeysWithValues: entries)
    }

    /// Forward and backward on the images of step `number`.
    private func pass(_ number: Int, _ labels: [Int], _ mode: NormalizationMode) throws -> Pass {
        let shape = model.plan.network.input
        let images = trace.images(step: number)
        let batch = trace.batch
        forEachPixel(batch, shape) { nchw, nhwc in propagation.input.pointer[nhwc] = images[nchw] }
        propagation.begin(counts: [batch / lanes, batch - batch / lanes], globalImages: batch)
        try propagation.forward(mode, reducer: reducer)
        var pass = Pass()
        let loss = model.plan.network.loss
        for image in 0..<batch {
            let z = propagation.outputs + image * model.plan.outputs
            var confidences = [Float](repeating: 0, count: model.plan.outputs)
            loss.confidences(z, outputs: model.plan.outputs, into: &confidences)
            pass.values.append((0..<model.plan.outputs).map { Double(z[$0]) })
            pass.outputs.append(confidences.doubles)
            if loss.winner(z, outputs: model.plan.outputs) != labels[image] { pass.errors += 1 }
        }
        pass.loss = propagation.beginLoss(labels, globalImages: batch) / Double(batch)
        try propagation.backward(reducer: reducer)
        pass.imageGradient = [Float](repeating: 0, count: images.count)
        forEachPixel(batch, shape) { nchw, nhwc in
            pass.imageGradient[nchw] = propagation.inputGradient.pointer[nhwc]
        }
        return pass
    }

    /// One training step.
    func step(_ number: Int, _ labels: [Int]) throws -> Pass {
        var pass = try pass(number, labels, .batch)
        propagation.updateRunningMoments(rate: trace.momentRate)
        for parameter in trace.parameters {
            let entry = try #require(model.layout.entries.first { $0.name == parameter.name })
            for i in entry.offset..<entry.offset + entry.count {
                let weight = model.parameters.pointer[i]
                velocities[i] =
                    trace.momentum * velocities[i] + reducer.gradients.pointer[i] + parameter.weightDecay * weight
                model.parameters.pointer[i] = weight - trace.learningRate * parameter.rateFactor * velocities[i]
            }
        }
        pass.gradients = tensors(reducer.gradients.elements)
        pass.velocities = tensors(velocities)
        pass.parameters = tensors(model.parameters.elements)
        for moment in trace.moments {
            let start = try #require(momentOffset(moment.name))
            pass.moments[moment.name] = Array(model.moments.elements[start..<start + moment.tensor.shape[0]])
        }
        return pass
    }

    /// Forward and backward in evaluation mode.
    func evaluate(_ number: Int, _ labels: [Int]) throws -> Pass { try pass(number, labels, .running) }

    private func forEachPixel(_ images: Int, _ shape: ImageShape, _ body: (_ nchw: Int, _ nhwc: Int) -> Void) {
        for n in 0..<images {
            for c in 0..<shape.channels {
                for p in 0..<shape.area {
                    body((n * shape.channels + c) * shape.area + p, (n * shape.area + p) * shape.channels + c)
                }
            }
        }
    }
}

@Suite("A whole training step against PyTorch") struct StepTraceTests {
    private let tolerance = 1e-4

    @Test(
        "two steps and an evaluation: loss, outputs, every gradient, velocity, weight and running moment within 1e-4",
        arguments: StepTrace.cases)
    func reproduces(_ name: String) throws {
        BLAS.useOneThread()
        let trace = try StepTrace.load(name)
        let training = try TracedTraining(trace)
        #expect(training.model.plan.layerNames == trace.layers)
        #expect(trace.steps.count == 2)
        for (index, step) in trace.steps.enumerated() {
            let pass = try training.step(index + 1, step.labels)
            compare(pass, step, trace, "step \(index + 1)")
            for (group, actual, expected) in [
                ("gradient", pass.gradients, step.gradients), ("velocity", pass.velocities, step.velocities),
                ("parameter", pass.parameters, step.parameters), ("moment", pass.moments, step.moments),
            ] {
                let records = try #require(expected)
                #expect(records.keys.sorted() == actual.keys.sorted())
                for (name, record) in records {
                    let worst = trace.deviation(actual[name] ?? [], from: record, name, tolerance: tolerance)
                    #expect(worst <= 1, "step \(index + 1), \(group) of \(name): \(worst) times the tolerance")
                }
            }
        }
        compare(try training.evaluate(2, trace.evaluation.labels), trace.evaluation, trace, "evaluation")
    }

    private func compare(_ pass: TracedTraining.Pass, _ expected: StepTrace.Pass, _ trace: StepTrace, _ place: String) {
        #expect(abs(pass.loss - expected.loss) <= tolerance * abs(expected.loss), "\(place)")
        #expect(pass.errors == expected.errors, "\(place)")
        let square = expected.values.joined().reduce(0) { $0 + $1 * $1 } / Double(trace.batch * trace.outputs)
        #expect(
            zip(pass.values.joined(), expected.values.joined()).allSatisfy { actual, wanted in
                abs(actual - wanted) <= tolerance * max(abs(wanted), square.squareRoot())
            }, "\(place)")
        #expect(
            zip(pass.outputs.joined(), expected.outputs.joined()).allSatisfy { abs($0 - $1) <= tolerance }, "\(place)")
        let worst = trace.deviation(
            pass.imageGradient, from: expected.imageGradient, "images", tolerance: tolerance)
        #expect(worst <= 1, "\(place), image gradient: \(worst) times the tolerance")
    }
}
