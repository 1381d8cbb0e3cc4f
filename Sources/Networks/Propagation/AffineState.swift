import Kernels

/// A block's affine map z = scale u + shift: its parameters, its coefficients, and the sums over the batch that they
/// and their gradients come from.
final class AffineState {
    /// True of a batch norm.
    let normalizes: Bool
    /// True of a map with parameters; their gradients are sums over the batch.
    let hasParameters: Bool
    let channels: Int
    let pattern: ChannelPattern
    /// The sums of a lane.
    let sums: ChannelSums
    /// Rows of the pattern.
    let scale, shift: Buffer<Float>

    private let stabilizer: Double
    private let bias, gamma, beta: UnsafePointer<Float>?
    private let running: UnsafeMutablePointer<Float>?
    /// Mean (without bias) and variance of each channel over the batch.
    private let batchMoments: Buffer<Double>
    /// scale and shift of each channel.
    private let channelScale, channelShift: Buffer<Float>
    /// du = outputFactor dz + inputFactor u + constant: rows of the pattern.
    private let outputFactor, inputFactor, constant: Buffer<Float>
    private let biasGradient, gammaGradient, betaGradient: Buffer<Float>
    /// True where the gradient of u is that of z.
    private let isShift: Bool

    init(_ model: Model, block index: Int) {
        let block = model.plan.blocks[index]
        normalizes = block.normalization != nil
        hasParameters = normalizes || block.hasBias
        stabilizer = model.plan.network.stabilizer
        channels = block.sourceShape.channels
        bias = model.pointer(.bias, ofBlock: index).map { UnsafePointer($0) }
        gamma = model.pointer(.gamma, ofBlock: index).map { UnsafePointer($0) }
        beta = model.pointer(.beta, ofBlock: index).map { UnsafePointer($0) }
        running = model.layout.moments.first { $0.block == index }.map { model.moments.pointer + $0.offset }
        pattern = ChannelPattern(channels: channels)
        sums = ChannelSums(pattern)
        batchMoments = Buffer(2 * channels)
        (channelScale, channelShift) = (Buffer(channels), Buffer(channels))
        (scale, shift) = (Buffer(pattern.period), Buffer(pattern.period))
        (outputFactor, inputFactor) = (Buffer(pattern.period), Buffer(pattern.period))
        constant = Buffer(pattern.period)
        (biasGradient, gammaGradient, betaGradient) = (Buffer(channels), Buffer(channels), Buffer(channels))
        channelScale.pointer.update(repeating: 1, count: channels)
        if case .constants(let scale, let shift) = block.affine {
            isShift = false
            for channel in 0..<channels {
                channelScale.pointer[channel] = scale[scale.count == 1 ? 0 : channel]
                channelShift.pointer[channel] = shift[shift.count == 1 ? 0 : channel]
            }
        } else {
            isShift = !normalizes
        }
        expand()
    }

    // MARK: Coefficients

    /// scale and shift from the sums of u and u^2 over the global batch.
    func useBatchMoments(_ totals: UnsafePointer<Double>, count: Double) {
        for channel in 0..<channels {
            let moments = NormalizationMoments(
                sum: totals[channel], squares: totals[channels + channel], count: count)
            batchMoments.pointer[channel] = moments.mean
            batchMoments.pointer[channels + channel] = moments.variance
        }
        setScales { self.batchMoments(of: $0) }
    }

    /// scale and shift from the running moments, or from the bias alone without batch norm.
    func useConstants() {
        if let running { return setScales { self.moments(running, of: $0) } }
        if let bias { pattern.expand(bias, into: shift.pointer) }
    }

    /// The running moments of u; the running mean is that of u + bias.
    private func moments(_ running: UnsafeMutablePointer<Float>, of channel: Int) -> NormalizationMoments {
        NormalizationMoments(
            mean: Double(running[channel]) - Double(bias?[channel] ?? 0), variance: Double(running[channels + channel]))
    }

    private func batchMoments(of channel: Int) -> NormalizationMoments {
        NormalizationMoments(
            mean: batchMoments.pointer[channel], variance: batchMoments.pointer[channels + channel])
    }

    @inline(__always)
    private func setScales(_ moments: (Int) -> NormalizationMoments) {
        guard let gamma, let beta else { return }
        for channel in 0..<channels {
            let affine = moments(channel).affine(
                gamma: gamma[channel], beta: beta[channel], stabilizer: stabilizer)
            channelScale.pointer[channel] = affine.scale
            channelShift.pointer[channel] = affine.shift
        }
        expand()
    }

    private func expand() {
        pattern.expand(channelScale.pointer, into: scale.pointer)
        pattern.expand(channelShift.pointer, into: shift.pointer)
    }

    /// Moves the running moments towards those of the batch: running = (1 - rate) running + rate batch, the mean of u +
    /// bias, the variance with divisor n.
    func updateRunningMoments(rate: Float) {
        guard let running else { return }
        for channel in 0..<channels {
            let mean = Float(batchMoments.pointer[channel]) + (bias?[channel] ?? 0)
            let variance = Float(batchMoments.pointer[channels + channel])
            running[channel] = (1 - rate) * running[channel] + rate * mean
            running[channels + channel] = (1 - rate) * running[channels + channel] + rate * variance
        }
    }

    // MARK: Gradients

    /// The gradients of bias, gamma and beta, and du's coefficients, from the sums of dz and dz u over the global
    /// batch.
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
                outputFactor.pointer[i] = gradient.outputFactor
                inputFactor.pointer[i] = gradient.inputFactor
                constant.pointer[i] = gradient.constant
            }
        }
    }

    var channelGradients: ChannelGradients {
        ChannelGradients(
            bias: biasGradient.pointer, gamma: gammaGradient.pointer, beta: betaGradient.pointer)
    }

    /// From dz to du, in place, of `count` elements.
    func finishDelta(
        _ delta: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, count: Int, _ mode: NormalizationMode
    ) {
        if isShift { return }
        if normalizes, mode == .batch {
            affineGradient(
                delta, u, outputFactor: outputFactor.pointer, inputFactor: inputFactor.pointer,
                constant: constant.pointer, pattern: pattern, count: count)
        } else {
            scaleGradient(delta, scale: scale.pointer, pattern: pattern, count: count)
        }
    }
}
