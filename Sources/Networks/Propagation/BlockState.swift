import Kernels

/// The activations and gradients of one block for all local images, and its channels' coefficients.
final class BlockState {
    let convolution: Convolution
    let normalizes: Bool
    let channels: Int
    /// The elements of one image of the input x and of the convolution's output u.
    let xCount: Int
    let uCount: Int
    let weight: UnsafePointer<Float>
    /// The convolution's output without bias, [images, output shape].
    let u: Buffer<Float>
    /// The block's output, [images, output shape after the tail].
    let output: Buffer<Float>
    /// The gradient of z, then of u.
    let delta: Buffer<Float>
    let sums: ChannelSums
    /// The weight as the direct kernels take it.
    let packed: Buffer<Float>

    private let model: Model
    private let backward: Bool
    private let stabilizer: Double
    private let activation: Activation
    private let stages: [Stage]
    private let pattern: ChannelPattern
    private let bias: UnsafePointer<Float>
    private let gamma: UnsafePointer<Float>?
    private let beta: UnsafePointer<Float>?
    private let running: UnsafeMutablePointer<Float>?
    /// Mean (without bias) and variance of each channel over the batch.
    private let batchMoments: Buffer<Double>
    private let rows: (scale: Buffer<Float>, shift: Buffer<Float>)
    private let scale, shift, a, b, c: Buffer<Float>
    private let biasGradient, gammaGradient, betaGradient: Buffer<Float>

    /// A layer of the tail with what its backward pass needs.
    private struct Stage {
        let layer: NetworkPlan.Tail
        let inputCount: Int
        let outputCount: Int
        /// The layer's input for all images, kept where its backward pass needs it.
        let input: Buffer<Float>?
        let winners: Buffer<UInt8>?
    }

    init(_ model: Model, block index: Int, images: Int, backward: Bool) {
        let block = model.plan.blocks[index]
        self.model = model
        self.backward = backward
        convolution = block.convolution
        normalizes = block.normalization != nil
        stabilizer = model.plan.network.stabilizer
        activation = block.activation
        channels = convolution.filters
        xCount = convolution.input.count
        uCount = convolution.output.count
        guard let weight = model.pointer(.weight, ofBlock: index), let bias = model.pointer(.bias, ofBlock: index)
        else { preconditionFailure("\(block.name) has no weight or bias") }
        self.weight = UnsafePointer(weight)
        self.bias = UnsafePointer(bias)
        gamma = model.pointer(.gamma, ofBlock: index).map { UnsafePointer($0) }
        beta = model.pointer(.beta, ofBlock: index).map { UnsafePointer($0) }
        running = model.layout.moments.first { $0.block == index }.map { model.moments.pointer + $0.offset }
        pattern = ChannelPattern(channels: channels)
        u = Buffer(images * uCount)
        output = Buffer(images * block.output.count)
        delta = Buffer(backward ? images * uCount : 0)
        sums = ChannelSums(pattern)
        packed = Buffer(convolution.packedCount(backward: backward))
        batchMoments = Buffer(2 * channels)
        rows = (Buffer(channels), Buffer(channels))
        (scale, shift, a) = (Buffer(pattern.period), Buffer(pattern.period), Buffer(pattern.period))
        (b, c) = (Buffer(pattern.period), Buffer(pattern.period))
        (biasGradient, gammaGradient, betaGradient) = (Buffer(channels), Buffer(channels), Buffer(channels))
        var shape = convolution.output
        stages = block.tail.map { layer in
            let input = shape
            shape = layer.output
            if case .pooling(let pooling) = layer {
                return Stage(
                    layer: layer, inputCount: input.count, outputCount: shape.count, input: nil,
                    winners: pooling.kind == .max && backward ? Buffer(images * shape.count) : nil)
            }
            return Stage(
                layer: layer, inputCount: input.count, outputCount: shape.count,
                input: backward ? Buffer(images * input.count) : nil, winners: nil)
        }
    }

    /// Images whose u and its gradient fit into 256 KiB.
    var imagesAtOnce: Int { max(1, 32_768 / uCount) }

    /// The largest image between the convolution and the block's output.
    var largestImage: Int { stages.map(\.inputCount).reduce(uCount, max) }

    // MARK: Coefficients

    /// scale and shift from the sums of u and u^2 over the global batch.
    func useBatchMoments(_ totals: UnsafePointer<Double>, count: Double) {
        for channel in 0..<channels {
            let moments = NormalizationMoments(
                sum: totals[channel], squares: totals[channels + channel], count: count)
            batchMoments.pointer[channel] = moments.mean
            batchMoments.pointer[channels + channel] = moments.variance
        }
        setAffine { self.batchMoments(of: $0) }
    }

    /// scale and shift from the running moments, or from the bias alone without batch norm.
    func useConstants() {
        guard let running else {
            scale.pointer.update(repeating: 1, count: pattern.period)
            pattern.expand(bias, into: shift.pointer)
            return
        }
        setAffine { self.moments(running, of: $0) }
    }

    /// The running moments of u; the running mean is that of u + bias.
    private func moments(_ running: UnsafeMutablePointer<Float>, of channel: Int) -> NormalizationMoments {
        NormalizationMoments(
            mean: Double(running[channel]) - Double(bias[channel]), variance: Double(running[channels + channel]))
    }

    private func batchMoments(of channel: Int) -> NormalizationMoments {
        NormalizationMoments(
            mean: batchMoments.pointer[channel], variance: batchMoments.pointer[channels + channel])
    }

    @inline(__always)
    private func setAffine(_ moments: (Int) -> NormalizationMoments) {
        guard let gamma, let beta else { return }
        for channel in 0..<channels {
            let affine = moments(channel).affine(
                gamma: gamma[channel], beta: beta[channel], stabilizer: stabilizer)
            rows.scale.pointer[channel] = affine.scale
            rows.shift.pointer[channel] = affine.shift
        }
        pattern.expand(rows.scale.pointer, into: scale.pointer)
        pattern.expand(rows.shift.pointer, into: shift.pointer)
    }

    /// Moves the running moments towards those of the batch: running = (1 - rate) running + rate batch, the mean of u +
    /// bias, the variance with divisor n.
    func updateRunningMoments(rate: Float) {
        guard let running else { return }
        for channel in 0..<channels {
            let mean = Float(batchMoments.pointer[channel]) + bias[channel]
            let variance = Float(batchMoments.pointer[channels + channel])
            running[channel] = (1 - rate) * running[channel] + rate * mean
            running[channels + channel] = (1 - rate) * running[channels + channel] + rate * variance
        }
    }

    /// The gradients of bias, gamma and beta, and du's coefficients, from the sums of dz and dz u over the global batch.
    func useGradientSums(_ totals: UnsafePointer<Double>, count: Double, mode: NormalizationMode) {
        guard let gamma, let running else {
            for channel in 0..<channels { biasGradient.pointer[channel] = Float(totals[channel]) }
            return
        }
        for channel in 0..<channels {
            let moments = mode == .batch ? batchMoments(of: channel) : moments(running, of: channel)
            let gradient = moments.gradient(
                gradientSum: totals[channel], productSum: totals[channels + channel], count: count,
                gamma: gamma[channel], stabilizer: stabilizer)
            biasGradient.pointer[channel] = mode == .batch ? 0 : Float(totals[channel] * Double(gradient.outputFactor))
            gammaGradient.pointer[channel] = gradient.gamma
            betaGradient.pointer[channel] = gradient.beta
            for i in stride(from: channel, to: pattern.period, by: channels) {
                a.pointer[i] = gradient.outputFactor
                b.pointer[i] = gradient.inputFactor
                c.pointer[i] = gradient.constant
            }
        }
    }

    var channelGradients: ChannelGradients {
        ChannelGradients(
            bias: biasGradient.pointer, gamma: gammaGradient.pointer, beta: betaGradient.pointer)
    }

    /// Lays the weight out for the passes that follow.
    func pack() { packWeight(packed.pointer, weight, convolution, backward: backward) }

    // MARK: One image

    /// From u to the block's output: the affine map, the activation and the tail.
    func finishForward(_ image: Int, _ chain: (Buffer<Float>, Buffer<Float>)) {
        var target = destination(ofStage: -1, image, chain.0)
        affineActivation(
            target, u.pointer + image * uCount, scale: scale.pointer, shift: shift.pointer, pattern: pattern,
            count: uCount, activation: activation)
        for (index, stage) in stages.enumerated() {
            let source = UnsafePointer(target)
            target = destination(ofStage: index, image, index % 2 == 0 ? chain.1 : chain.0)
            switch stage.layer {
            case .pooling(let pooling):
                pool(target, winners: stage.winners.map { $0.pointer + image * stage.outputCount }, source, pooling)
            case .activation(let activation, _):
                affineActivation(
                    target, source, scale: unitRow.pointer, shift: zeroRow.pointer, pattern: unitPattern,
                    count: stage.inputCount, activation: activation)
            }
        }
    }

    /// Where a stage writes: the block's output, the next stage's kept input, or scratch memory.
    private func destination(ofStage index: Int, _ image: Int, _ scratch: Buffer<Float>) -> UnsafeMutablePointer<Float>
    {
        guard index + 1 < stages.count else {
            return output.pointer + image * (stages.last?.outputCount ?? uCount)
        }
        let next = stages[index + 1]
        return next.input.map { $0.pointer + image * next.inputCount } ?? scratch.pointer
    }

    /// From the gradient of the block's output to dz, in `delta`. Overwrites `gradient`'s image in part.
    func beginBackward(
        _ image: Int, gradient: UnsafeMutablePointer<Float>, _ chain: (Buffer<Float>, Buffer<Float>),
        surrogateSlope: Float
    ) {
        var gradient = gradient
        for stage in stages.reversed() {
            switch stage.layer {
            case .pooling(let pooling):
                let target = gradient == chain.0.pointer ? chain.1.pointer : chain.0.pointer
                poolGradient(
                    target, gradient, winners: stage.winners.map { $0.pointer + image * stage.outputCount }, pooling)
                gradient = target
            case .activation(let activation, _):
                guard let input = stage.input else { preconditionFailure("a propagation without backward memory") }
                affineActivationGradient(
                    gradient, gradient, input.pointer + image * stage.inputCount, scale: unitRow.pointer,
                    shift: zeroRow.pointer, pattern: unitPattern, count: stage.inputCount, activation: activation,
                    surrogateSlope: surrogateSlope)
            }
        }
        affineActivationGradient(
            delta.pointer + image * uCount, gradient, u.pointer + image * uCount, scale: scale.pointer,
            shift: shift.pointer, pattern: pattern, count: uCount, activation: activation,
            surrogateSlope: surrogateSlope)
    }

    /// Adds the image's u and u^2 to the sums.
    func addMoments(_ image: Int) { sums.addMoments(u.pointer + image * uCount, count: uCount) }

    /// Adds the image's dz and dz u to the sums.
    func addProducts(_ image: Int) {
        sums.addProducts(delta.pointer + image * uCount, u.pointer + image * uCount, count: uCount)
    }

    /// From dz to du for a lane's images, in place.
    func finishDelta(_ image: Int, _ images: Int, _ mode: NormalizationMode) {
        guard normalizes else { return }
        let gradient = delta.pointer + image * uCount
        if mode == .batch {
            affineGradient(
                gradient, u.pointer + image * uCount, outputFactor: a.pointer, inputFactor: b.pointer,
                constant: c.pointer, pattern: pattern, count: images * uCount)
        } else {
            scaleGradient(gradient, scale: scale.pointer, pattern: pattern, count: images * uCount)
        }
    }
}

extension Propagation {
    /// Moves all running moments towards those of the last forward pass in `batch` mode; MatConvNet's rule, with 0.05 a
    /// step in the released code.
    public func updateRunningMoments(rate: Float) {
        for block in blocks { block.updateRunningMoments(rate: rate) }
    }
}

/// scale 1 and shift 0: an activation alone.
nonisolated(unsafe) private let unitRow = Buffer<Float>([Float](repeating: 1, count: 16))
nonisolated(unsafe) private let zeroRow = Buffer<Float>(16)
private let unitPattern = ChannelPattern(channels: 16)
