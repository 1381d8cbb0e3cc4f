import Kernels
import Networks
import Recipes
import TestSupport
import Testing
import Training

@Suite("Adversarial versions of a batch")
struct AdversarialSamplesTests {
    private static let images = 64

    /// How far each pixel of each image moves in an epoch, [images][pixels], in 0...255.
    private func moves(_ settings: AdversarialTraining, epoch: Int) throws -> [[Float]] {
        BLAS.useOneThread()
        let network = SmallNetworks.all[0].network
        let model = Model(try NetworkPlan(network))
        model.randomize(1)
        let size = network.input.count
        let propagation = Propagation(
            model, lanes: 1, laneCapacity: Self.images, backward: true, inputGradient: true)
        // In the middle of the range, so that nothing is clipped.
        let mean = [Float](repeating: 127.5, count: size)
        let input = gaussians(Self.images * size, 7)
        propagation.input.pointer.update(from: input, count: input.count)
        propagation.begin(images: Self.images)
        let samples = AdversarialSamples(
            settings, seed: 3, imageCount: 3 * Self.images / 2, propagation: propagation, capacity: Self.images,
            meanImage: mean,
            sums: GradientCollector(model, lanes: 1))
        let labels = (0..<Int32(Self.images)).map { $0 % Int32(network.classes) }
        let ids = (0..<Int32(Self.images)).map { $0 * 3 }
        try samples.replace(labels, ids: ids, epoch: epoch)
        return (0..<Self.images).map { image in
            (image * size..<(image + 1) * size).map { propagation.input.pointer[$0] - input[$0] }
        }
    }

    @Test(
        "each image moves by a strength of its own, drawn anew each epoch, and the share says how many do",
        arguments: [AdversarialTraining.Method.fgs, .fgsm, .pgd])
    func spread(_ method: AdversarialTraining.Method) throws {
        let settings = AdversarialTraining(
            method: method, strength: 0.2, spread: 0.75, share: 0.5, steps: method == .pgd ? 3 : 1, stepSize: 2)
        let reaches = try [1, 2].map { epoch in
            try moves(settings, epoch: epoch).map { ($0.map(abs).max() ?? 0) / 255 }
        }
        for reach in reaches {
            let moved = reach.filter { $0 > 0 }
            #expect((20...44).contains(moved.count))
            // A step of twice the radius ends on the ball's surface.
            #expect(moved.allSatisfy { (0.0499...0.2001).contains($0) })
            #expect((moved.min() ?? 1) < 0.08 && (moved.max() ?? 0) > 0.17)
            #expect(Set(moved).count > moved.count - 3)
        }
        #expect(zip(reaches[0], reaches[1]).filter { $0 == $1 && $0 > 0 }.isEmpty)
    }

    @Test(
        "nonsense moves by its own strength, and as often as its own share says",
        arguments: [AdversarialTraining.Method.fgs, .fgsm, .pgd])
    func nonsense(_ method: AdversarialTraining.Method) throws {
        let settings = AdversarialTraining(
            method: method, strength: 0.1, share: 0.25, nonsenseStrength: 0.3, nonsenseShare: 1,
            steps: method == .pgd ? 3 : 1, stepSize: 2)
        let reach = try moves(settings, epoch: 1).map { ($0.map(abs).max() ?? 0) / 255 }
        let images = reach.prefix(Self.images / 2).filter { $0 > 0 }
        #expect((2...16).contains(images.count) && images.allSatisfy { abs($0 - 0.1) < 1e-4 })
        #expect(reach.suffix(Self.images / 2).allSatisfy { abs($0 - 0.3) < 1e-4 })
    }

    @Test("without a spread all images move by the strength", arguments: [AdversarialTraining.Method.fgs, .pgd])
    func noSpread(_ method: AdversarialTraining.Method) throws {
        let settings = AdversarialTraining(method: method, strength: 0.2, steps: method == .pgd ? 3 : 1, stepSize: 2)
        for image in try moves(settings, epoch: 1) { #expect(abs((image.map(abs).max() ?? 0) - 51) < 1e-3) }
    }
}
