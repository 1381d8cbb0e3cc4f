import Kernels

/// The activations and gradients of one block for all local images.
final class BlockState {
    let plan: NetworkPlan.Block
    let affine: AffineState
    /// The convolution's operand, of a block that begins with one.
    let product: ProductState?
    /// The new places of the input's elements, of a block that begins with a rearrangement.
    let rearrangement: Rearrangement?
    /// The elements of one image of u and of the output.
    let uCount, outputCount: Int
    /// The source's result without bias, [images, source shape]; of an identity the output of the block before.
    let u: UnsafeMutablePointer<Float>
    /// The block's output, [images, output shape].
    let output: UnsafeMutablePointer<Float>
    /// The gradient of the output, [images, output shape]; nil where it comes from the next block image by image, and
    /// of the last block.
    let gradient: UnsafeMutablePointer<Float>?

    /// The buffers that are not part of the forward memory.
    private let memory: (u: Buffer<Float>, output: Buffer<Float>)
    private let ownDelta: UnsafeMutablePointer<Float>?
    private let tail: TailState

    /// - Parameters:
    ///   - input: the output of the block's first input, [images, its shape].
    ///   - sizes: of its buffers.
    ///   - forward: the memory of results that nobody reads later on; nil where they are kept.
    ///   - backward: the memory of the backward pass, where there is one.
    init(
        _ model: Model, block index: Int, input: UnsafeMutablePointer<Float>, _ sizes: PropagationSizes.Block,
        forward: ForwardMemory?, backward: BackwardMemory?
    ) {
        plan = model.plan.blocks[index]
        affine = AffineState(model, block: index)
        product = plan.convolution.map {
            ProductState($0, model, block: index, packed: sizes.packed, backward: backward != nil)
        }
        if case .rearrangement(let input) = plan.source {
            rearrangement = Rearrangement(from: input, to: plan.sourceShape)
        } else {
            rearrangement = nil
        }
        uCount = plan.sourceShape.count
        outputCount = plan.output.count
        memory = (Buffer(sizes.source), Buffer(sizes.output))
        u = plan.isIdentity ? input : forward?.source(index) ?? memory.u.pointer
        output = forward?.output(index) ?? memory.output.pointer
        ownDelta = backward?.delta(index)
        gradient = backward?.gradient(index)
        tail = TailState(plan, sizes.tail)
    }

    /// The gradient of z, then of u, [images, source shape].
    var delta: UnsafeMutablePointer<Float> {
        guard let ownDelta else { preconditionFailure("a propagation without backward memory") }
        return ownDelta
    }

    /// True where the images are multiplied together.
    var isFullyConnected: Bool { plan.convolution?.isFullyConnected ?? false }

    /// Images whose u and its gradient fit into 256 KiB.
    var imagesAtOnce: Int { max(1, 32_768 / uCount) }

    /// The largest image between the source and the block's output.
    var largestImage: Int { max(uCount, tail.largestImage) }

    // MARK: One image

    /// From u to the block's output: the affine map, the activation and the tail, with the draws of dropout in
    /// training.
    func finishForward(_ image: Int, _ scratch: (Buffer<Float>, Buffer<Float>), _ draws: DropoutDraws?) {
        let result = output + image * outputCount
        let first = tail.input(image) ?? (tail.isEmpty ? result : scratch.0.pointer)
        affineActivation(
            first, u + image * uCount, scale: affine.scale.pointer, shift: affine.shift.pointer,
            pattern: affine.pattern, count: uCount, activation: plan.activation)
        tail.forward(image, from: first, to: result, scratch, draws)
    }

    /// From the gradient of the block's output to dz, in `delta`. Overwrites `gradient`'s image in part.
    func beginBackward(
        _ image: Int, gradient: UnsafeMutablePointer<Float>, _ scratch: (Buffer<Float>, Buffer<Float>),
        surrogateSlope: Float, drops: Bool
    ) {
        let gradient = tail.backward(image, gradient, scratch, surrogateSlope: surrogateSlope, drops: drops)
        affineActivationGradient(
            delta + image * uCount, gradient, u + image * uCount, scale: affine.scale.pointer,
            shift: affine.shift.pointer, pattern: affine.pattern, count: uCount, activation: plan.activation,
            surrogateSlope: surrogateSlope)
    }

    /// Adds the image's u and u^2 to the sums.
    func addMoments(_ image: Int) { affine.sums.addMoments(u + image * uCount, count: uCount) }

    /// Adds the image's dz and dz u to the sums.
    func addProducts(_ image: Int) {
        affine.sums.addProducts(delta + image * uCount, u + image * uCount, count: uCount)
    }

    /// From dz to du for some images, in place.
    func finishDelta(_ image: Int, _ images: Int, _ mode: NormalizationMode) {
        affine.finishDelta(delta + image * uCount, u + image * uCount, count: images * uCount, mode)
    }
}

/// The operand of a block's convolution.
final class ProductState {
    let convolution: Convolution
    /// HWIO.
    let weight: UnsafePointer<Float>
    /// The weight as the direct kernels take it.
    let packed: Buffer<Float>
    private let backward: Bool

    init(_ convolution: Convolution, _ model: Model, block index: Int, packed: Int, backward: Bool) {
        self.convolution = convolution
        self.backward = backward
        guard let weight = model.pointer(.weight, ofBlock: index) else {
            preconditionFailure("\(model.plan.blocks[index].name) has no weight")
        }
        self.weight = UnsafePointer(weight)
        self.packed = Buffer(packed)
    }

    /// Lays the weight out for the passes that follow.
    func pack() { packWeight(packed.pointer, weight, convolution, backward: backward) }
}

/// The pools and activations behind a block's first activation.
private final class TailState {
    /// A layer with what its backward pass needs.
    private struct Stage {
        let layer: NetworkPlan.Tail
        let inputCount: Int
        let outputCount: Int
        /// The layer's input for all images, kept where its backward pass needs it.
        let input: Buffer<Float>?
        /// A maximum's winners, or the elements that dropout leaves, for all images.
        let marks: Buffer<UInt8>?
    }

    private let stages: [Stage]

    init(_ plan: NetworkPlan.Block, _ sizes: [PropagationSizes.Tail]) {
        var shape = plan.sourceShape
        stages = zip(plan.tail, sizes).map { layer, sizes in
            defer { shape = layer.output }
            return Stage(
                layer: layer, inputCount: shape.count, outputCount: layer.output.count,
                input: sizes.input > 0 ? Buffer(sizes.input) : nil,
                marks: sizes.marks > 0 ? Buffer(sizes.marks) : nil)
        }
    }

    var isEmpty: Bool { stages.isEmpty }
    var largestImage: Int { stages.map(\.inputCount).max() ?? 0 }

    /// Where the first layer's input is kept.
    func input(_ image: Int) -> UnsafeMutablePointer<Float>? { kept(0, image) }

    private func kept(_ index: Int, _ image: Int) -> UnsafeMutablePointer<Float>? {
        guard index < stages.count, let input = stages[index].input else { return nil }
        return input.pointer + image * stages[index].inputCount
    }

    /// All layers for one image, from the first one's input to `result`.
    func forward(
        _ image: Int, from first: UnsafeMutablePointer<Float>, to result: UnsafeMutablePointer<Float>,
        _ scratch: (Buffer<Float>, Buffer<Float>), _ draws: DropoutDraws?
    ) {
        var source = UnsafePointer(first)
        for (index, stage) in stages.enumerated() {
            let free = index % 2 == 0 ? scratch.1 : scratch.0
            let target = index + 1 == stages.count ? result : kept(index + 1, image) ?? free.pointer
            switch stage.layer {
            case .pooling(let pooling):
                pool(target, winners: stage.marks.map { $0.pointer + image * stage.outputCount }, source, pooling)
            case .activation(let activation, _):
                affineActivation(
                    target, source, scale: unitRow.pointer, shift: zeroRow.pointer, pattern: unitPattern,
                    count: stage.inputCount, activation: activation)
            case .globalAverage(let shape): globalAverage(target, source, shape)
            case .dropout(let settings, _):
                if let draws, let mask = stage.marks {
                    dropout(
                        target, mask: mask.pointer + image * stage.outputCount, source, count: stage.outputCount,
                        settings,
                        draws.random(image, settings))
                } else {
                    target.update(from: source, count: stage.outputCount)
                }
            }
            source = UnsafePointer(target)
        }
    }

    /// From the gradient of the block's output to that of the first layer's input, in scratch memory or where
    /// `gradient` is.
    func backward(
        _ image: Int, _ gradient: UnsafeMutablePointer<Float>, _ scratch: (Buffer<Float>, Buffer<Float>),
        surrogateSlope: Float, drops: Bool
    ) -> UnsafeMutablePointer<Float> {
        var gradient = gradient
        for stage in stages.reversed() {
            let free = gradient == scratch.0.pointer ? scratch.1.pointer : scratch.0.pointer
            switch stage.layer {
            case .pooling(let pooling):
                poolGradient(
                    free, gradient, winners: stage.marks.map { $0.pointer + image * stage.outputCount }, pooling)
                gradient = free
            case .globalAverage(let shape):
                globalAverageGradient(free, gradient, shape)
                gradient = free
            case .dropout(let settings, _):
                if drops, let mask = stage.marks {
                    dropoutGradient(
                        gradient, mask: mask.pointer + image * stage.outputCount, count: stage.outputCount, settings)
                }
            case .activation(let activation, _):
                guard let input = stage.input else { preconditionFailure("a propagation without backward memory") }
                affineActivationGradient(
                    gradient, gradient, input.pointer + image * stage.inputCount, scale: unitRow.pointer,
                    shift: zeroRow.pointer, pattern: unitPattern, count: stage.inputCount, activation: activation,
                    surrogateSlope: surrogateSlope)
            }
        }
        return gradient
    }
}

/// scale 1 and shift 0: an activation alone.
nonisolated(unsafe) private let unitRow = Buffer<Float>([Float](repeating: 1, count: 16))
nonisolated(unsafe) private let zeroRow = Buffer<Float>(16)
private let unitPattern = ChannelPattern(channels: 16)
