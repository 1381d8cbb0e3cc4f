import Kernels

/// Whose moments batch norm uses.
public enum NormalizationMode: Sendable {
    /// The moments of the global batch at hand.
    case batch
    /// The running moments: the affine map is a constant.
    case running
}

/// The forward and backward pass of one replica over the images of its local lanes.
///
/// All memory is taken at init. A lane's images lie together; every sum is formed lane by lane in ascending order of
/// images, and each matrix product's shape depends on the lane's images alone, so that no result depends on how many
/// ranks share the lanes (invariant 1).
public final class Propagation {
    /// The replica.
    public let model: Model
    /// The network, worked out.
    public var plan: NetworkPlan { model.plan }
    /// The images of all local lanes, lane after lane, [images, input shape], in pixel units less the mean image.
    public let input: Buffer<Float>
    /// The gradient of the input, [images, input shape]; of no elements if not asked for.
    public let inputGradient: Buffer<Float>

    /// The slope of an mReLU's flat zones in `backward`, for attacks (BPDA, Athalye et al. 2018); 0 is the
    /// truth.
    public var surrogateSlope: Float = 0

    /// The draws of dropout in forward passes of the mode `batch`; nil for passes without dropout.
    public var dropout: DropoutDraws?
    /// The draws of the last forward pass.
    private var draws: DropoutDraws?

    /// Where the time goes.
    public let timeline: Timeline

    let blocks: [BlockState]
    /// Keeps what the blocks' results point to, where they share places.
    private let forwardMemory: ForwardMemory?
    /// Keeps what the blocks' gradients point to.
    private let backwardMemory: BackwardMemory?
    /// Memory of the convolutions' kernels.
    private let patches: Buffer<Float>
    /// The gradient of a block's input before it is taken up: of an image, or of all where they are multiplied
    /// together.
    private let imageGradient: Buffer<Float>
    /// Two images between a block's source and its output.
    private let scratch: (Buffer<Float>, Buffer<Float>)
    private let partials: Buffer<Double>
    private let totals: Buffer<Double>
    private let laneCapacity: Int
    private let rowBlock: Int?
    private var counts: [Int]
    private var starts: [Int]
    /// True where something stands in the gradient of a block's output; behind the blocks, of the image.
    private var hasGradient: [Bool]
    /// The images of the global batch, after `begin`.
    public private(set) var globalImages = 0
    private var mode = NormalizationMode.running
    /// The blocks whose output's gradient is of use: all, where that of the image is wanted.
    private let usesGradient: [Bool]

    /// Takes memory for all passes.
    ///
    /// - Parameters:
    ///   - model: the replica; its parameters may change before each forward pass.
    ///   - lanes: the number of local lanes.
    ///   - laneCapacity: the most images of a lane.
    ///   - backward: whether `backward` will be called.
    ///   - inputGradient: whether the gradient of the input is wanted too.
    ///   - independentImages: make each image's results independent of the images beside it and of its place among
    ///     them, for one lane and evaluation: fully connected layers whose bits depend on them then multiply a fixed
    ///     number of images at a time (`BLAS.independentRows`).
    ///   - keepsOutputs: false where of all results only the network's outputs are read after a pass, and no gradient
    ///     of parameters is wanted: results share memory then.
    ///   - timeline: for the network's blocks; nil for one that clocks nothing.
    public init(
        _ model: Model, lanes: Int, laneCapacity: Int, backward: Bool, inputGradient: Bool = false,
        independentImages: Bool = false, keepsOutputs: Bool = true, timeline: Timeline? = nil
    ) {
        precondition(!independentImages || lanes == 1, "independent images in \(lanes) lanes")
        self.model = model
        let rowBlock = independentImages ? BLAS.independentRows : nil
        self.rowBlock = rowBlock
        let laneCapacity = rowBlock.map { (laneCapacity + $0 - 1) / $0 * $0 } ?? laneCapacity
        self.laneCapacity = laneCapacity
        let plan = model.plan
        let sizes = PropagationSizes(
            plan, lanes: lanes, laneCapacity: laneCapacity, backward: backward, inputGradient: inputGradient,
            keepsOutputs: keepsOutputs)
        self.timeline = timeline ?? Timeline(blocks: plan.blocks.count)
        let input = Buffer<Float>(sizes.input)
        self.input = input
        self.inputGradient = Buffer(sizes.inputGradient)
        let forward = sizes.results.map { ForwardMemory($0) }
        forwardMemory = forward
        let memory = sizes.gradients.map { BackwardMemory($0) }
        backwardMemory = memory
        var blocks: [BlockState] = []
        for (index, block) in plan.blocks.enumerated() {
            let source = block.inputs.first.map { $0 < 0 ? input.pointer : blocks[$0].output } ?? input.pointer
            blocks.append(
                BlockState(
                    model, block: index, input: source, sizes.blocks[index], forward: forward, backward: memory))
        }
        self.blocks = blocks
        patches = Buffer(sizes.patches)
        imageGradient = Buffer(sizes.imageGradient)
        let largest = blocks.map(\.largestImage).max() ?? 0
        scratch = (Buffer(largest), Buffer(largest))
        let channels = plan.blocks.map(\.sourceShape.channels).max() ?? 0
        partials = Buffer(2 * channels * lanes)
        totals = Buffer(2 * channels)
        counts = [Int](repeating: 0, count: lanes)
        starts = counts
        hasGradient = [Bool](repeating: false, count: blocks.count + 1)
        usesGradient = inputGradient ? plan.blocks.map { _ in true } : plan.learningBlocks
    }

    /// Sets the images of each local lane for the passes that follow, and those of the global batch.
    public func begin(counts lanes: [Int], globalImages: Int) {
        precondition(lanes.count == counts.count, "\(lanes.count) of \(counts.count) lanes")
        var start = 0
        for lane in lanes.indices {
            precondition(lanes[lane] <= laneCapacity, "lane \(lane) of \(lanes[lane]) images")
            counts[lane] = lanes[lane]
            starts[lane] = start
            start += lanes[lane]
        }
        self.globalImages = globalImages
    }

    /// Sets the images of the only lane, which are the whole batch, for the passes that follow.
    public func begin(images: Int) {
        precondition(counts.count == 1 && images <= laneCapacity, "\(images) images in \(counts.count) lanes")
        counts[0] = images
        globalImages = images
    }

    /// The local lanes.
    public var lanes: Int { counts.count }
    /// The images of all local lanes.
    public var images: Int { (counts.last ?? 0) + (starts.last ?? 0) }
    /// The first image of a local lane.
    public func start(ofLane lane: Int) -> Int { starts[lane] }
    /// The images of a local lane.
    public func count(ofLane lane: Int) -> Int { counts[lane] }

    /// The outputs z, [images, outputs], after `forward`.
    public var outputs: UnsafeMutablePointer<Float> { blockOutput(blocks.count - 1) }
    /// The gradient of z, [images, outputs], for the caller to write before `backward`.
    public var outputGradient: UnsafeMutablePointer<Float> { blockDelta(blocks.count - 1) }
    /// The first input of a block, [images, its input shape].
    public func blockInput(_ block: Int) -> UnsafeMutablePointer<Float> { input(block, 0) }
    /// The output of a block, [images, its output shape]; after a pass of a propagation that does not keep them, only
    /// that of the last block is there.
    public func blockOutput(_ block: Int) -> UnsafeMutablePointer<Float> { blocks[block].output }
    /// The gradient of a block's convolution output, [images, its output shape], once `finishedLane` was called for it.
    public func blockDelta(_ block: Int) -> UnsafeMutablePointer<Float> { blocks[block].delta }

    /// The output channels of a block's source.
    public func channels(ofBlock block: Int) -> Int { blocks[block].affine.channels }

    private func input(_ block: Int, _ place: Int) -> UnsafeMutablePointer<Float> {
        let source = blocks[block].plan.inputs[place]
        return source < 0 ? input.pointer : blockOutput(source)
    }

    /// The elements of one image of a block's input.
    private func inputCount(_ block: Int, _ place: Int) -> Int {
        let source = blocks[block].plan.inputs[place]
        return source < 0 ? plan.network.input.count : blocks[source].outputCount
    }

    /// One image of a block's input, and whether it is spread over that of its source: of one position beside several.
    private func operand(_ block: Int, _ place: Int, _ image: Int) -> (x: UnsafeMutablePointer<Float>, isSpread: Bool) {
        let count = inputCount(block, place)
        return (input(block, place) + image * count, count < blocks[block].uCount)
    }

    /// The block before, where its output is computed image by image as this one asks for it.
    private func chainedBlock(before index: Int) -> Int? {
        index > 0 && blocks[index - 1].plan.isChained ? index - 1 : nil
    }

    /// Moves all running moments towards those of the last forward pass in `batch` mode; MatConvNet's rule, with 0.05 a
    /// step in the released code.
    public func updateRunningMoments(rate: Float) {
        for block in blocks { block.affine.updateRunningMoments(rate: rate) }
    }

    // MARK: Forward

    /// The forward pass, to `outputs`. Collective in `batch` mode, by the reducer's sums; without a reducer the local
    /// lanes are the whole batch.
    public func forward(_ mode: NormalizationMode, reducer: (any GradientReducer)?) throws {
        self.mode = mode
        draws = mode == .batch ? dropout : nil
        for (index, block) in blocks.enumerated() {
            block.product?.pack()
            formSource(index)
            if block.affine.normalizes && mode == .batch {
                try sumLanes(block, reducer)
                block.affine.useBatchMoments(
                    totals.pointer, count: Double(globalImages * block.plan.sourceShape.area))
            } else {
                block.affine.useConstants()
            }
            if !block.plan.isChained { for image in 0..<images { finishForward(index, image) } }
        }
    }

    private func finishForward(_ index: Int, _ image: Int) {
        timeline.measure(.forwardTail, block: index) { blocks[index].finishForward(image, scratch, draws) }
    }

    /// From the outputs of the blocks before to a block's u, with its moments where they are wanted.
    private func formSource(_ index: Int) {
        let block = blocks[index]
        let previous = chainedBlock(before: index)
        let together = block.isFullyConnected
        if together {
            if let previous { for image in 0..<images { finishForward(previous, image) } }
            forEachProduct(block) { convolve(index, $0, $1) }
        }
        let sums = block.affine.normalizes && mode == .batch
        for lane in counts.indices {
            if sums { block.affine.sums.reset() }
            for image in starts[lane]..<starts[lane] + counts[lane] {
                if !together {
                    if let previous { finishForward(previous, image) }
                    formSource(index, image)
                }
                if sums { timeline.measure(.moments, block: index) { block.addMoments(image) } }
            }
            if sums { block.affine.sums.fold(into: partials.pointer + lane * 2 * block.affine.channels) }
        }
    }

    /// One image of a block's u.
    private func formSource(_ index: Int, _ image: Int) {
        let block = blocks[index]
        switch block.plan.source {
        case .convolution: convolve(index, image, 1)
        case .identity: break
        case .arithmetic(let operation):
            let (u, shape) = (block.u + image * block.uCount, block.plan.sourceShape)
            timeline.measure(.forwardTail, block: index) {
                let first = operand(index, 0, image)
                if first.isSpread { spread(u, first.x, shape) } else { u.update(from: first.x, count: block.uCount) }
                for place in block.plan.inputs.indices.dropFirst() {
                    let (x, isSpread) = operand(index, place, image)
                    combine(u, operation, x, shape, isSpread: isSpread)
                }
            }
        case .concatenation:
            timeline.measure(.forwardTail, block: index) {
                var first = 0
                for place in block.plan.inputs.indices {
                    let count = inputCount(index, place)
                    let channels = count / block.plan.sourceShape.area
                    copyChannels(
                        block.u + image * block.uCount + first, stride: block.affine.channels,
                        input(index, place) + image * count, stride: channels, channels: channels,
                        positions: block.plan.sourceShape.area)
                    first += channels
                }
            }
        case .padding(let sides, let shape):
            timeline.measure(.forwardTail, block: index) {
                // What lies around the image is zero from the beginning.
                let (rows, channels) = (block.plan.sourceShape.width * shape.channels, shape.channels)
                copyChannels(
                    block.u + image * block.uCount + sides.top * rows + sides.left * channels, stride: rows,
                    input(index, 0) + image * shape.count, stride: shape.width * channels,
                    channels: shape.width * channels, positions: shape.height)
            }
        case .rearrangement:
            timeline.measure(.forwardTail, block: index) {
                block.rearrangement?.forward(block.u + image * block.uCount, input(index, 0) + image * block.uCount)
            }
        }
    }

    /// The images that a fully connected layer multiplies at a time: all, so that its weight is read once; where bits
    /// depend on what is multiplied together, a lane's, or whole blocks, the last one filled up by what lies behind the
    /// lane.
    @inline(__always)
    private func forEachProduct(_ block: BlockState, _ body: (_ first: Int, _ images: Int) -> Void) {
        if block.plan.convolution?.imagesAreIndependent ?? true { return body(0, images) }
        for lane in counts.indices {
            guard let rowBlock else {
                body(starts[lane], counts[lane])
                continue
            }
            for first in stride(from: 0, to: counts[lane], by: rowBlock) { body(first, rowBlock) }
        }
    }

    @inline(__always)
    private func convolve(_ index: Int, _ image: Int, _ images: Int) {
        let block = blocks[index]
        guard let product = block.product else { return }
        timeline.measure(.forward, block: index) {
            convolution(
                block.u + image * block.uCount, blockInput(index) + image * product.convolution.input.count,
                product.weight, packed: product.packed.pointer, product.convolution, images: images,
                scratch: patches.pointer)
        }
    }

    /// Sums the lanes' partials of a block over the global batch into `totals`: by the reducer, or here where the local
    /// lanes are the whole batch.
    private func sumLanes(_ block: BlockState, _ reducer: (any GradientReducer)?) throws {
        let count = 2 * block.affine.channels
        if let reducer { return try reducer.sum(partials.pointer, count: count, into: totals.pointer) }
        totals.pointer.update(repeating: 0, count: count)
        for lane in counts.indices {
            for i in 0..<count { totals.pointer[i] += partials.pointer[lane * count + i] }
        }
    }

    // MARK: Backward

    /// The backward pass from `outputGradient`, in the mode and with the parameters of the last `forward`, whose
    /// state it leaves untouched: it can be called again with another gradient.
    ///
    /// With a reducer the gradients of all parameters go to it (collective, by the reducer's sums); without one only
    /// the input's gradient is formed, and in `batch` mode the local lanes are the whole batch.
    public func backward(reducer: (any GradientReducer)?) throws {
        precondition(reducer == nil || forwardMemory == nil, "gradients of parameters without the blocks' outputs")
        for index in hasGradient.indices { hasGradient[index] = false }
        for index in blocks.indices.reversed() {
            let block = blocks[index]
            guard usesGradient[index] else {
                try reducer?.finishedBlock(index, gradients: block.affine.channelGradients)
                continue
            }
            // Of a chained block dz stands in `delta` already, and of the last one, where z itself is the output.
            if !block.plan.isChained { try beginBackward(index, reducer) }
            if needsSums(block, reducer) {
                try sumLanes(block, reducer)
                block.affine.useGradientSums(
                    totals.pointer, count: Double(globalImages * block.plan.sourceShape.area), mode: mode)
            }
            for lane in counts.indices {
                try finishDelta(index, lane, reducer)
                if block.product != nil {
                    try timeline.measure(.combine, block: index) { try reducer?.finishedLane(block: index, lane: lane) }
                }
                if !block.isFullyConnected { try backwardInputs(index, lane, reducer) }
            }
            if block.isFullyConnected { try backwardProduct(index, reducer) }
            for source in block.plan.inputs { hasGradient[source < 0 ? blocks.count : source] = true }
            try reducer?.finishedBlock(index, gradients: block.affine.channelGradients)
        }
    }

    /// True where a block's sums over the batch are needed: for parameters, or for batch norm's own backward pass.
    private func needsSums(_ block: BlockState, _ reducer: (any GradientReducer)?) -> Bool {
        (reducer != nil && block.affine.hasParameters) || (block.affine.normalizes && mode == .batch)
    }

    /// From the gradient of a block's output, which stands whole, to dz, with its sums where they are wanted.
    private func beginBackward(_ index: Int, _ reducer: (any GradientReducer)?) throws {
        let block = blocks[index]
        let isLast = index == blocks.count - 1
        let sums = needsSums(block, reducer)
        guard sums || !isLast else { return }
        for lane in counts.indices {
            if sums { block.affine.sums.reset() }
            for image in starts[lane]..<starts[lane] + counts[lane] {
                timeline.measure(.backwardTail, block: index) {
                    if let gradient = block.gradient {
                        block.beginBackward(
                            image, gradient: gradient + image * block.outputCount, scratch,
                            surrogateSlope: surrogateSlope, drops: draws != nil)
                    }
                    if sums { block.addProducts(image) }
                }
                if !isLast { try reducer?.progress() }
            }
            if sums { block.affine.sums.fold(into: partials.pointer + lane * 2 * block.affine.channels) }
        }
    }

    /// From dz to du in a lane, and the lane's weight gradient where it is wanted: a few images at a time, so that du
    /// is still in the second-level cache when it is used.
    private func finishDelta(_ index: Int, _ lane: Int, _ reducer: (any GradientReducer)?) throws {
        let block = blocks[index]
        let product = block.product
        let weightGradient = product == nil ? nil : reducer?.weightGradient(block: index, lane: lane)
        weightGradient?.update(repeating: 0, count: product?.convolution.weightCount ?? 0)
        let end = starts[lane] + counts[lane]
        let most = block.isFullyConnected ? max(counts[lane], 1) : block.imagesAtOnce
        for first in stride(from: starts[lane], to: end, by: most) {
            let images = min(most, end - first)
            timeline.measure(.backwardTail, block: index) { block.finishDelta(first, images, mode) }
            try reducer?.progress()
            guard let weightGradient, let product else { continue }
            timeline.measure(.weightGradient, block: index) {
                convolutionWeightGradient(
                    weightGradient, blockInput(index) + first * product.convolution.input.count,
                    block.delta + first * block.uCount, product.convolution, images: images,
                    scratch: patches.pointer)
            }
        }
    }

    private func multiplyBack(
        _ index: Int, _ image: Int, _ images: Int, into gradient: UnsafeMutablePointer<Float>
    ) {
        let block = blocks[index]
        guard let product = block.product else { return }
        timeline.measure(.inputGradient, block: index) {
            convolutionInputGradient(
                gradient, block.delta + image * block.uCount, product.weight, packed: product.packed.pointer,
                product.convolution, images: images, scratch: patches.pointer)
        }
    }

    /// Where the gradient of a block's output stands, or that of the image for -1; nil where it is kept nowhere.
    private func storedGradient(_ source: Int) -> UnsafeMutablePointer<Float>? {
        source >= 0 ? blocks[source].gradient : inputGradient.count > 0 ? inputGradient.pointer : nil
    }

    /// From the delta of a fully connected block to the gradient of its input, for all images.
    private func backwardProduct(_ index: Int, _ reducer: (any GradientReducer)?) throws {
        let (block, source, count) = (blocks[index], blocks[index].plan.inputs[0], inputCount(index, 0))
        let stored = storedGradient(source)
        let previous = chainedBlock(before: index)
        let adds = previous == nil && hasGradient[source < 0 ? blocks.count : source]
        guard source < 0 ? stored != nil : usesGradient[source] else { return }
        let target = previous != nil || adds ? imageGradient.pointer : stored ?? imageGradient.pointer
        forEachProduct(block) { multiplyBack(index, $0, $1, into: target + $0 * count) }
        if adds, let stored { add(stored, target, count: images * count) }
        guard let previous else { return }
        for lane in counts.indices {
            try backwardChained(previous, lane, reducer) { target + $0 * count }
        }
    }

    /// From the delta of a lane in a block to the gradients of its inputs.
    private func backwardInputs(_ index: Int, _ lane: Int, _ reducer: (any GradientReducer)?) throws {
        let block = blocks[index]
        let previous = chainedBlock(before: index)
        for (place, source) in block.plan.inputs.enumerated() where source != previous {
            guard source < 0 || usesGradient[source], let stored = storedGradient(source) else { continue }
            let adds =
                hasGradient[source < 0 ? blocks.count : source] || block.plan.inputs[..<place].contains(source)
            let count = inputCount(index, place)
            for image in starts[lane]..<starts[lane] + counts[lane] {
                let target = stored + image * count
                formInputGradient(index, place, image, into: adds ? imageGradient.pointer : target)
                if adds { add(target, imageGradient.pointer, count: count) }
            }
        }
        guard let previous, usesGradient[previous], let place = block.plan.inputs.firstIndex(of: previous) else {
            return
        }
        try backwardChained(previous, lane, reducer) { image in
            formInputGradient(index, place, image, into: imageGradient.pointer)
            return imageGradient.pointer
        }
    }

    /// From the gradient of a chained block's output to dz, image by image, with its sums where they are wanted.
    @inline(__always)
    private func backwardChained(
        _ index: Int, _ lane: Int, _ reducer: (any GradientReducer)?,
        gradient: (_ image: Int) -> UnsafeMutablePointer<Float>
    ) throws {
        let block = blocks[index]
        let sums = needsSums(block, reducer)
        if sums { block.affine.sums.reset() }
        for image in starts[lane]..<starts[lane] + counts[lane] {
            let gradient = gradient(image)
            timeline.measure(.backwardTail, block: index) {
                block.beginBackward(
                    image, gradient: gradient, scratch, surrogateSlope: surrogateSlope, drops: draws != nil)
                if sums { block.addProducts(image) }
            }
            try reducer?.progress()
        }
        if sums { block.affine.sums.fold(into: partials.pointer + lane * 2 * block.affine.channels) }
    }

    /// The gradient of one operand of a sum, a product or a quotient u, from du: du, du times the other factors, du by
    /// the divisors, or, of a divisor x, -du u / x; of one that is spread the sum over the positions.
    private func formOperandGradient(
        _ index: Int, _ operation: Arithmetic, _ place: Int, _ image: Int, into gradient: UnsafeMutablePointer<Float>
    ) {
        let (block, (x, isSpread)) = (blocks[index], operand(index, place, image))
        let shape = block.plan.sourceShape
        let whole = isSpread ? scratch.0.pointer : gradient
        whole.update(from: block.delta + image * block.uCount, count: block.uCount)
        if operation == .quotient, place > 0 {
            divisorGradient(whole, block.u + image * block.uCount, x, shape, isSpread: isSpread)
        } else if operation != .sum {
            for other in block.plan.inputs.indices where other != place {
                let (x, isSpread) = operand(index, other, image)
                combine(whole, operation, x, shape, isSpread: isSpread)
            }
        }
        if isSpread { spreadGradient(gradient, whole, shape) }
    }

    /// The gradient of one image of a block's input, from its delta.
    @inline(__always)
    private func formInputGradient(
        _ index: Int, _ place: Int, _ image: Int, into gradient: UnsafeMutablePointer<Float>
    ) {
        let block = blocks[index]
        let delta = block.delta + image * block.uCount
        switch block.plan.source {
        case .convolution: multiplyBack(index, image, 1, into: gradient)
        case .identity:
            timeline.measure(.backwardTail, block: index) { gradient.update(from: delta, count: block.uCount) }
        case .arithmetic(let operation):
            timeline.measure(.backwardTail, block: index) {
                formOperandGradient(index, operation, place, image, into: gradient)
            }
        case .concatenation:
            timeline.measure(.backwardTail, block: index) {
                let area = block.plan.sourceShape.area
                let first = (0..<place).reduce(0) { $0 + inputCount(index, $1) / area }
                let channels = inputCount(index, place) / area
                copyChannels(
                    gradient, stride: channels, delta + first, stride: block.affine.channels, channels: channels,
                    positions: area)
            }
        case .padding(let sides, let shape):
            timeline.measure(.backwardTail, block: index) {
                let (rows, channels) = (block.plan.sourceShape.width * shape.channels, shape.channels)
                copyChannels(
                    gradient, stride: shape.width * channels, delta + sides.top * rows + sides.left * channels,
                    stride: rows, channels: shape.width * channels, positions: shape.height)
            }
        case .rearrangement:
            timeline.measure(.backwardTail, block: index) { block.rearrangement?.backward(gradient, delta) }
        }
    }
}
