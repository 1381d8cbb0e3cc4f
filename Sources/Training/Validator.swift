import Datasets
import Kernels
import Networks
import Robustness

/// Counts the errors of the current parameters on this rank's share of the validation split.
struct Validator {
    private let images: ImageSet
    private let meanImage: [Float]
    private let classifier: Classifier

    init(_ model: Model, images: ImageSet, meanImage: [Float]) {
        self.images = images
        self.meanImage = meanImage
        classifier = Classifier(model)
    }

    /// The images whose winning output is not their label. Local.
    func countErrors() throws -> Int {
        let plan = classifier.plan
        let loss = plan.network.loss
        var errors = 0
        for start in stride(from: 0, to: images.count, by: classifier.groupSize) {
            let group = start..<min(start + classifier.groupSize, images.count)
            let outputs = try classifier.outputs(images: group.count) { input in
                meanImage.withUnsafeBufferPointer { mean in
                    guard let mean = mean.baseAddress else { return }
                    for slot in group {
                        images.fill(slot, minus: mean, into: input + (slot - start) * images.shape.count)
                    }
                }
            }
            for slot in group {
                let winner = loss.winner(outputs + (slot - start) * plan.outputs, outputs: plan.outputs)
                errors += winner == Int(images.labels[slot]) ? 0 : 1
            }
        }
        return errors
    }
}
