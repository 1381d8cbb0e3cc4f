import Checkpoints
import Kernels
import Networks

/// The prediction of a network for an image without a label.
public struct Prediction: Equatable, Sendable {
    /// The output that wins; one behind the classes stands for nonsense.
    public let output: Int
    /// Its confidence: softmax for a plain network, y for a robust one.
    public let confidence: Float
    /// True where a nonsense output wins or, in a network without one, the confidence is at most one half.
    public let isRejected: Bool
}

/// Judges images without labels, group by group. An image's prediction depends on nothing but the image.
public final class Predictor {
    private let target: TargetModel
    private let pixels: Buffer<Float>
    private let confidences: Buffer<Float>
    private var count = 0

    /// Takes the network of a checkpoint.
    ///
    /// - Throws: `Failure` 65 where the checkpoint holds no network that fits together.
    public init(_ checkpoint: Checkpoint) throws {
        let model = try checkpoint.model()
        target = TargetModel(
            model, meanImage: try checkpoint.meanImage(model.plan.network.input), seed: 0, gradients: false)
        pixels = Buffer(TargetModel.groupSize * target.size)
        confidences = Buffer(target.plan.outputs)
    }

    /// The shape of its images.
    public var shape: ImageShape { target.plan.network.input }

    /// Takes an image, bytes in height x width x channels; returns the predictions of a group of images when it is
    /// full, nothing until then.
    public func add(_ image: UnsafeRawBufferPointer) throws -> [Prediction] {
        precondition(image.count == target.size, "an image of \(image.count) bytes for \(target.size) pixels")
        let place = pixels.pointer + count * target.size
        for i in 0..<target.size { place[i] = Float(image[i]) - target.meanImage[i] }
        count += 1
        return count == TargetModel.groupSize ? try finish() : []
    }

    /// The predictions of the images that were taken since the last group.
    public func finish() throws -> [Prediction] {
        guard count > 0 else { return [] }
        let z = try target.outputs(Array(0..<count), of: pixels.pointer)
        let plan = target.plan
        let predictions = (0..<count).map { image in
            let record = plan.judge(z + image * plan.outputs, label: nil, confidences: confidences.pointer)
            return Prediction(
                output: Int(record.prediction), confidence: record.confidence,
                isRejected: record.outcome == Outcome.rejected.rawValue)
        }
        count = 0
        return predictions
    }
}
