import Kernels

/// Whose moments batch norm uses.
public enum NormalizationMode: Sendable {
    /// The moments of the global batch at hand.
    case batch
    /// The running moments: the affine map is a constant.
    case running
}

/// The sums over all lanes of the global batch that a propagation needs, and the destination of its gradients.
public protocol GradientReducer: AnyObject {
    /// Sums over all lanes: `partials` holds `count` values for each local lane, `total` takes `count` values.
    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws
    /// Where to write the weight gradient of a lane (`lane` counts the local lanes); nil where the reducer forms it otherwise.
    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>?
    /// The weight gradient of the lane is written.
    func finishedLane(block: Int, lane: Int) throws
    /// All lanes of the block are done; the sums hold the gradients of bias, gamma and beta.
    func finishedBlock(_ block: Int, gradients: ChannelGradients) throws
    /// Called between an image and the next, for communication under way.
    func progress() throws
}

extension GradientReducer {
    /// Nothing is under way.
    public func progress() {}
}

/// The gradients of a block's parameters for each channel; `gamma` and `beta` mean nothing without batch norm.
public struct ChannelGradients {
    /// With batch norm on batch moments it is 0: a bias before batch norm changes nothing.
    public let bias: UnsafePointer<Float>
    /// The sum of dz x', see `NormalizationMoments.gradient`.
    public let gamma: UnsafePointer<Float>
    /// The sum of dz.
    public let beta: UnsafePointer<Float>
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

    /// What `backward` takes for the slope of an mReLU's flat zones, for attacks (BPDA, Athalye et al. 2018); 0 is the truth.
    public var surrogateSlope: Float = 0

    /// Where the time goes.
    public let timeline: Timeline

    let blocks: [BlockState]
    private let patches: Buffer<Float>
    private let imageGradient: Buffer<Float>
    private let chain: (Buffer<Float>, Buffer<Float>)
    private let partials: Buffer<Double>
    private let totals: Buffer<Double>
    private let laneCapacity: Int
    private let rowBlock: Int?
    private var counts: [Int]
    private var starts: [Int]
    /// The images of the global batch, after `begin`.
    public private(set) var globalImages = 0
    private var mode = NormalizationMode.running

    /// Takes memory for all passes.
    ///
    /// - Parameters:
    ///   - model: the replica; its parameters may change before each forward pass.
    ///   - lanes: the number of local lanes.
    ///   - laneCapacity: the most images of a lane.
    ///   - backward: whether `backward` will be called.
    ///   - inputGradient: whether the gradient of the input is wanted too.
    ///   - independentImages: make each image's results independent of the images beside it and of its place among them, for
    ///     one lane and evaluation: fully connected layers whose bits depend on them then multiply a fixed number of images at a
    ///     time (`BLAS.independentRows`).
    ///   - timeline: for the network's blocks; nil for one that clocks nothing.
    public init(
        _ model: Model, lanes: Int, laneCapacity: Int, backward: Bool, inputGradient: Bool = false,
        independentImages: Bool = false, timeline: Timeline? = nil
    ) {
        precondition(!independentImages || lanes == 1, "independent images in \(lanes) lanes")
        self.model = model
        let rowBlock = independentImages ? BLAS.independentRows : nil
        self.rowBlock = rowBlock
        let laneCapacity = rowBlock.map { (laneCapacity + $0 - 1) / $0 * $0 } ?? laneCapacity
        self.laneCapacity = laneCapacity
        let images = lanes * laneCapacity
        let plan = model.plan
        self.timeline = timeline ?? Timeline(blocks: plan.blocks.count)
        input = Buffer(images * plan.network.input.count)
        self.inputGradient = Buffer(inputGradient ? images * plan.network.input.count : 0)
        blocks = plan.blocks.indices.map { BlockState(model, block: $0, images: images, backward: backward) }
        patches = Buffer(blocks.map(\.convolution.scratchCount).max() ?? 0)
        // A fully connected layer's input gradient is formed for all images.
        imageGradient = Buffer(
            backward
                ? blocks.map { $0.convolution.input.count * ($0.convolution.isFullyConnected ? images : 1) }.max()
                    ?? 0 : 0)
        let largest = blocks.map(\.largestImage).max() ?? 0
        chain = (Buffer(largest), Buffer(largest))
        let channels = blocks.map(\.convolution.filters).max() ?? 0
        partials = Buffer(2 * channels * lanes)
        totals = Buffer(2 * channels)
        counts = [Int](repeating: 0, count: lanes)
        starts = counts
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
    public var outputs: UnsafeMutablePointer<Float> { blocks[blocks.count - 1].output.pointer }
    /// The gradient of z, [images, outputs], for the caller to write before `backward`.
    public var outputGradient: UnsafeMutablePointer<Float> { blocks[blocks.count - 1].delta.pointer }
    /// The input of a block, [images, its input shape].
    public func blockInput(_ block: Int) -> UnsafeMutablePointer<Float> {
        block == 0 ? input.pointer : blocks[block - 1].output.pointer
    }
    /// The gradient of a block's convolution output, [images, its output shape], once `finishedLane` was called for it.
    public func blockDelta(_ block: Int) -> UnsafeMutablePointer<Float> { blocks[block].delta.pointer }

    /// The output channels of a block's convolution.
    public func channels(ofBlock block: Int) -> Int { blocks[block].channels }

    // MARK: Forward

    /// The forward pass, to `outputs`. Collective in `batch` mode, by the reducer's sums; without a reducer the local lanes are
    /// the whole batch.
    public func forward(_ mode: NormalizationMode, reducer: (any GradientReducer)?) throws {
        self.mode = mode
        for (index, block) in blocks.enumerated() {
            block.pack()
            forwardConvolution(index)
            if block.normalizes && mode == .batch {
                try sumLanes(block, reducer)
                block.useBatchMoments(totals.pointer, count: Double(globalImages * block.convolution.output.area))
            } else {
                block.useConstants()
            }
        }
        for image in 0..<images { finishForward(blocks.count - 1, image) }
    }

    private func finishForward(_ index: Int, _ image: Int) {
        timeline.measure(.forwardTail, block: index) { blocks[index].finishForward(image, chain) }
    }

    /// From the output of the block before to a block's u, with its moments where they are wanted.
    private func forwardConvolution(_ index: Int) {
        let block = blocks[index]
        let x = blockInput(index)
        let together = block.convolution.isFullyConnected
        if together {
            if index > 0 { for image in 0..<images { finishForward(index - 1, image) } }
            forEachProduct(block) { convolve(index, x, $0, $1) }
        }
        let sums = block.normalizes && mode == .batch
        for lane in counts.indices {
            if sums { block.sums.reset() }
            for image in starts[lane]..<starts[lane] + counts[lane] {
                if !together {
                    if index > 0 { finishForward(index - 1, image) }
                    convolve(index, x, image, 1)
                }
                if sums { timeline.measure(.moments, block: index) { block.addMoments(image) } }
            }
            if sums { block.sums.fold(into: partials.pointer + lane * 2 * block.channels) }
        }
    }

    /// The images that a fully connected layer multiplies at a time: all, so that its weight is read once; where bits depend on
    /// what is multiplied together, a lane's, or whole blocks, the last one filled up by what lies behind the lane.
    @inline(__always)
    private func forEachProduct(_ block: BlockState, _ body: (_ first: Int, _ images: Int) -> Void) {
        if block.convolution.imagesAreIndependent { return body(0, images) }
        for lane in counts.indices {
            guard let rowBlock else {
                body(starts[lane], counts[lane])
                continue
            }
            for first in stride(from: 0, to: counts[lane], by: rowBlock) { body(first, rowBlock) }
        }
    }

    @inline(__always)
    private func convolve(_ index: Int, _ x: UnsafePointer<Float>, _ image: Int, _ images: Int) {
        let block = blocks[index]
        timeline.measure(.forward, block: index) {
            convolution(
                block.u.pointer + image * block.uCount, x + image * block.xCount, block.weight,
                packed: block.packed.pointer, block.convolution, images: images, scratch: patches.pointer)
        }
    }

    /// Sums the lanes' partials of a block over the global batch into `totals`: by the reducer, or here where the local lanes
    /// are the whole batch.
    private func sumLanes(_ block: BlockState, _ reducer: (any GradientReducer)?) throws {
        let count = 2 * block.channels
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
    /// With a reducer the gradients of all parameters go to it (collective, by the reducer's sums); without one only the input's
    /// gradient is formed, and in `batch` mode the local lanes are the whole batch.
    public func backward(reducer: (any GradientReducer)?) throws {
        let last = blocks.count - 1
        // z itself is the output: dz stands in `delta` already.
        for lane in counts.indices where needsSums(blocks[last], reducer) {
            blocks[last].sums.reset()
            for image in starts[lane]..<starts[lane] + counts[lane] {
                blocks[last].addProducts(image)
            }
            blocks[last].sums.fold(into: partials.pointer + lane * 2 * blocks[last].channels)
        }
        for index in blocks.indices.reversed() {
            let block = blocks[index]
            let together = block.convolution.isFullyConnected
            if needsSums(block, reducer) {
                try sumLanes(block, reducer)
                block.useGradientSums(
                    totals.pointer, count: Double(globalImages * block.convolution.output.area), mode: mode)
            }
            for lane in counts.indices {
                try finishDelta(index, lane, reducer)
                try timeline.measure(.combine, block: index) { try reducer?.finishedLane(block: index, lane: lane) }
                if index > 0, !together { try backwardInput(index, lane, reducer) }
            }
            if together || index == 0 {
                let target = index > 0 ? imageGradient : inputGradient
                if target.count > 0 {
                    forEachProduct(block) { formInputGradient(index, $0, $1, into: target.pointer + $0 * block.xCount) }
                }
            }
            if index > 0, together {
                for lane in counts.indices { try backwardInput(index, lane, reducer) }
            }
            try reducer?.finishedBlock(index, gradients: block.channelGradients)
        }
    }

    /// Whether a block's sums over the batch are wanted: for parameters, or for batch norm's own backward pass.
    private func needsSums(_ block: BlockState, _ reducer: (any GradientReducer)?) -> Bool {
        reducer != nil || (block.normalizes && mode == .batch)
    }

    /// From dz to du in a lane, and the lane's weight gradient where it is wanted: a few images at a time, so that du is still in
    /// the second-level cache when it is used.
    private func finishDelta(_ index: Int, _ lane: Int, _ reducer: (any GradientReducer)?) throws {
        let block = blocks[index]
        let weightGradient = reducer?.weightGradient(block: index, lane: lane)
        weightGradient?.update(repeating: 0, count: block.convolution.weightCount)
        let end = starts[lane] + counts[lane]
        let most = block.convolution.isFullyConnected ? max(counts[lane], 1) : block.imagesAtOnce
        for first in stride(from: starts[lane], to: end, by: most) {
            let images = min(most, end - first)
            timeline.measure(.backwardTail, block: index) { block.finishDelta(first, images, mode) }
            try reducer?.progress()
            guard let weightGradient else { continue }
            timeline.measure(.weightGradient, block: index) {
                convolutionWeightGradient(
                    weightGradient, blockInput(index) + first * block.xCount,
                    block.delta.pointer + first * block.uCount, block.convolution, images: images,
                    scratch: patches.pointer)
            }
        }
    }

    private func formInputGradient(
        _ index: Int, _ image: Int, _ images: Int, into gradient: UnsafeMutablePointer<Float>
    ) {
        let block = blocks[index]
        timeline.measure(.inputGradient, block: index) {
            convolutionInputGradient(
                gradient, block.delta.pointer + image * block.uCount, block.weight, packed: block.packed.pointer,
                block.convolution, images: images, scratch: patches.pointer)
        }
    }

    /// From the delta of a lane in block `index` to that in the block before it, with that one's sums where they are wanted.
    private func backwardInput(_ index: Int, _ lane: Int, _ reducer: (any GradientReducer)?) throws {
        let (block, previous) = (blocks[index], blocks[index - 1])
        let sums = needsSums(previous, reducer)
        let together = block.convolution.isFullyConnected
        if sums { previous.sums.reset() }
        for image in starts[lane]..<starts[lane] + counts[lane] {
            if !together { formInputGradient(index, image, 1, into: imageGradient.pointer) }
            timeline.measure(.backwardTail, block: index - 1) {
                previous.beginBackward(
                    image, gradient: imageGradient.pointer + (together ? image * block.xCount : 0), chain,
                    surrogateSlope: surrogateSlope)
                if sums { previous.addProducts(image) }
            }
            try reducer?.progress()
        }
        if sums { previous.sums.fold(into: partials.pointer + lane * 2 * previous.channels) }
    }
}
