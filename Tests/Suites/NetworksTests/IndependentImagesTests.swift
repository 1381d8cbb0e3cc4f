import Foundation
import Kernels
import Networks
import TestSupport
import Testing

@Suite("In evaluation an image's outputs and gradient depend on nothing but the image")
struct IndependentImagesTests {
    /// OpenBLAS's kernel sets that this CPU can run.
    static let kernelSets: [String] = {
        let flags = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        return ["Nehalem"] + (flags.contains(" avx ") ? ["Sandybridge"] : [])
            + (flags.contains(" avx2 ") ? ["Haswell", "Zen"] : []) + (flags.contains(" avx512vl ") ? ["SkylakeX"] : [])
    }()

    @Test("alone and at any place among others, with each kernel set of OpenBLAS", arguments: kernelSets)
    func alone(core: String) throws {
        let result = try spawn(
            "RankProgram", arguments: ["independentImages"], environment: ["OPENBLAS_CORETYPE": core]
        ).wait(timeout: 120)
        #expect(result.status == 0, "\(core): \(result.errors)")
    }

    @Test("networks of every kind, beside images that are not numbers", arguments: SmallNetworks.all.map(\.name))
    func everyKind(name: String) throws {
        let network = try #require(SmallNetworks.all.first { $0.name == name }).network
        let model = Model(try NetworkPlan(network))
        model.randomize(4)
        let (size, outputs) = (network.input.count, model.plan.outputs)
        let propagation = Propagation(
            model, lanes: 1, laneCapacity: 45, backward: true, inputGradient: true, independentImages: true)
        let image = gaussians(size, 8)
        func results(at place: Int, of count: Int, others: Float) throws -> [Float] {
            propagation.input.pointer.update(repeating: others, count: count * size)
            for i in 0..<size { propagation.input.pointer[place * size + i] = image[i] }
            propagation.begin(images: count)
            try propagation.forward(.running, reducer: nil)
            propagation.outputGradient.update(repeating: 0.5, count: count * outputs)
            try propagation.backward(reducer: nil)
            return (0..<outputs).map { propagation.outputs[place * outputs + $0] }
                + (0..<size).map { propagation.inputGradient.pointer[place * size + $0] }
        }
        let alone = try results(at: 0, of: 1, others: 0)
        for (place, count) in [(0, 45), (44, 45), (7, 9), (19, 20), (20, 21)] {
            #expect(try results(at: place, of: count, others: 3) == alone)
            #expect(try results(at: place, of: count, others: .nan) == alone)
        }
    }
}
