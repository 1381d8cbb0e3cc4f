import Checkpoints
import Essentials
import Kernels
import Networks

/// Looks into a network: the feature values z of a block (after its convolution and batch norm, before the activation)
/// at one entry of its output, the middle one, for many images.
final class FeatureProbe {
    private let propagation: Propagation
    private let checkpoint: Checkpoint
    private let size: Int

    /// The most images of one pass.
    private static let group = 100

    /// - Throws: `Failure` 65 where the checkpoint holds no network.
    init(_ checkpoint: Checkpoint) throws {
        self.checkpoint = checkpoint
        let model = try checkpoint.model()
        size = model.plan.network.input.count
        propagation = Propagation(model, lanes: 1, laneCapacity: Self.group, backward: false)
    }

    /// The network.
    var plan: NetworkPlan { propagation.plan }

    /// The values z of some channels of some blocks, [request][channel][image], of images [count, input shape] in pixel
    /// units less the mean image.
    func features(_ requests: [(block: Int, channels: [Int])], of images: [Float]) throws -> [[[Float]]] {
        let probes = try requests.map { request in
            guard let convolution = plan.blocks[request.block].convolution else {
                preconditionFailure("\(plan.blocks[request.block].name) is no convolution")
            }
            return try ChannelProbe(checkpoint, plan.blocks[request.block], convolution, request.channels)
        }
        var values = requests.map { [[Float]](repeating: [], count: $0.channels.count) }
        let count = images.count / size
        for start in stride(from: 0, to: count, by: Self.group) {
            let now = min(Self.group, count - start)
            images.withUnsafeBufferPointer { source in
                guard let base = source.baseAddress else { return }
                propagation.input.pointer.update(from: base + start * size, count: now * size)
            }
            propagation.begin(images: now)
            try propagation.forward(.running, reducer: nil)
            for (number, request) in requests.enumerated() {
                let input = propagation.blockInput(request.block)
                let inputCount = probes[number].convolution.input.count
                for image in 0..<now {
                    for (channel, value) in probes[number].values(input + image * inputCount).enumerated() {
                        values[number][channel].append(value)
                    }
                }
            }
        }
        return values
    }
}

/// Some channels of a convolution with its batch norm, at the middle entry of the output.
private struct ChannelProbe {
    let convolution: Convolution
    /// [channels][kernel height, kernel width, input channels].
    private var weights: [[Float]] = []
    private var scales: [Float] = []
    private var shifts: [Float] = []

    init(
        _ checkpoint: Checkpoint, _ block: NetworkPlan.Block, _ convolution: Convolution, _ channels: [Int]
    ) throws {
        self.convolution = convolution
        let (height, width) = (convolution.kernelHeight, convolution.kernelWidth)
        let depth = convolution.input.channels
        let filters = convolution.filters
        let weight = try checkpoint.requireTensor(
            CheckpointLayout.parameter(block.name, "weight"), shape: [filters, depth, height, width])
        let bias =
            block.hasBias
            ? try checkpoint.requireTensor(CheckpointLayout.parameter(block.name, "bias"), shape: [filters])
            : [Float](repeating: 0, count: filters)
        func moments(_ name: String) throws -> [Float]? {
            try block.normalization.map {
                try checkpoint.requireTensor(CheckpointLayout.parameter($0, name), shape: [filters])
            }
        }
        let (gamma, beta) = (try moments("gamma"), try moments("beta"))
        let (mean, variance) = (
            try moments(CheckpointLayout.runningMean), try moments(CheckpointLayout.runningVariance)
        )
        let stabilizer = Float(checkpoint.stabilizer(block))
        for channel in channels {
            let own = weight[channel * depth * height * width..<(channel + 1) * depth * height * width]
            let base = own.startIndex
            // HWC, as the images lie.
            weights.append(
                (0..<height * width).flatMap { place in (0..<depth).map { own[base + $0 * height * width + place] } })
            guard let gamma, let beta, let mean, let variance else {
                scales.append(1)
                shifts.append(bias[channel])
                continue
            }
            let scale = gamma[channel] / (variance[channel] + stabilizer).squareRoot()
            scales.append(scale)
            shifts.append(beta[channel] + scale * (bias[channel] - mean[channel]))
        }
    }

    func values(_ x: UnsafePointer<Float>) -> [Float] {
        let (shape, output) = (convolution.input, convolution.output)
        let top = output.height / 2 * convolution.stride - convolution.padding
        let left = output.width / 2 * convolution.stride - convolution.padding
        return weights.indices.map { channel in
            var sum: Float = 0
            for row in 0..<convolution.kernelHeight where (0..<shape.height).contains(top + row) {
                for column in 0..<convolution.kernelWidth where (0..<shape.width).contains(left + column) {
                    let place = ((top + row) * shape.width + left + column) * shape.channels
                    let tap = (row * convolution.kernelWidth + column) * shape.channels
                    for depth in 0..<shape.channels { sum += weights[channel][tap + depth] * x[place + depth] }
                }
            }
            return scales[channel] * sum + shifts[channel]
        }
    }
}

extension Checkpoint {
    /// Batch norm's epsilon in a block.
    fileprivate func stabilizer(_ block: NetworkPlan.Block) -> Double {
        block.normalization.flatMap { groupAttributes[CheckpointLayout.layer($0)]?[CheckpointLayout.stabilizer] } ?? 0
    }
}
