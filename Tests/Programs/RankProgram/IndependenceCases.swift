import Essentials
import Foundation
import Kernels
import Networks
import Recipes
import Training

/// The cases that depend on the kernel set that OpenBLAS was told to use, and so needs a process of its own.
let independenceCases: [String: RankCase] = [
    // Each image's outputs and input gradient, alone and at every place of a full group, at the sizes of the MNIST
    // network.
    "independentImages": { _, _ in
        BLAS.useOneThread()
        let input = ImageShape(height: 28, width: 28, channels: 1)
        let network = try Recipe.load("mnist-mrelu-r-m").network(input: input, classes: 10)
        let model = Model(try NetworkPlan(network))
        model.drawWeights(seed: 5)
        let images = 100
        let propagation = Propagation(
            model, lanes: 1, laneCapacity: images, backward: true, inputGradient: true, independentImages: true)
        var random = Philox(seed: 3, purpose: .test)
        let pixels = Buffer<Float>(images * input.count)
        for i in 0..<pixels.count { pixels.pointer[i] = 200 * random.uniform() - 100 }

        // The outputs and the gradient of the sum of outputs, of the images in the order given.
        func results(_ order: [Int]) throws -> [[Float]] {
            for (place, image) in order.enumerated() {
                (propagation.input.pointer + place * input.count).update(
                    from: pixels.pointer + image * input.count, count: input.count)
            }
            propagation.begin(images: order.count)
            try propagation.forward(.running, reducer: nil)
            let outputs = model.plan.outputs
            propagation.outputGradient.update(repeating: 1, count: order.count * outputs)
            try propagation.backward(reducer: nil)
            return order.indices.map { place in
                Array(UnsafeBufferPointer(start: propagation.outputs + place * outputs, count: outputs))
                    + UnsafeBufferPointer(
                        start: propagation.inputGradient.pointer + place * input.count, count: input.count)
            }
        }
        let together = try results(Array(0..<images))
        let shifted = try results((0..<images).map { ($0 + 37) % images })
        for image in 0..<images {
            let alone = try results([image])[0]
            try expect(
                alone == together[image] && alone == shifted[(image + images - 37) % images],
                "image \(image) to give the same alone and among others with \(BLAS.kernel)")
        }
    }
]
