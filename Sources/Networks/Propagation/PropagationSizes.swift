import Kernels

/// The sizes of a propagation's buffers, known before any of its memory is taken: `Propagation` takes what stands here.
public struct PropagationSizes: Sendable {
    /// Of a block's buffers, in elements.
    struct Block: Sendable {
        /// u, [images, source shape]; 0 of an identity, whose u is the output of the block before, and where it is part
        /// of the forward memory.
        let source: Int
        /// The output, [images, output shape]; 0 where it is part of the forward memory.
        let output: Int
        /// The weight as the kernels take it.
        let packed: Int
        /// Of each layer of the tail, what its backward pass needs.
        let tail: [Tail]

        init(_ plan: NetworkPlan.Block, images: Int, backward: Bool, keepsOutputs: Bool) {
            let isOwn = !plan.isIdentity && (keepsOutputs || backward || plan.isPadding)
            source = isOwn ? images * plan.sourceShape.count : 0
            output = keepsOutputs ? images * plan.output.count : 0
            packed = plan.convolution?.packedCount(backward: backward) ?? 0
            var shape = plan.sourceShape
            tail = plan.tail.map { layer in
                defer { shape = layer.output }
                return Tail(layer, input: shape, images: images, backward: backward)
            }
        }

        var bytes: Double {
            tail.reduce(4 * Double(source + output + packed)) {
                $0 + 4 * Double($1.input) + Double($1.marks)
            }
        }
    }

    /// Of a layer of a tail.
    struct Tail: Sendable {
        /// The layer's input, in floats.
        let input: Int
        /// A byte for each element of its result: a maximum's winner, or an element that dropout leaves.
        let marks: Int

        init(_ layer: NetworkPlan.Tail, input shape: ImageShape, images: Int, backward: Bool) {
            var (keepsInput, marksResult) = (false, false)
            switch layer {
            case .pooling(let pooling): marksResult = pooling.kind == .max
            case .dropout: marksResult = true
            case .activation: keepsInput = true
            case .globalAverage: break
            }
            input = backward && keepsInput ? images * shape.count : 0
            marks = backward && marksResult ? images * layer.output.count : 0
        }
    }

    /// The images of all lanes, and the gradient of each.
    let input, inputGradient: Int
    let blocks: [Block]
    /// Where the blocks' results lie, of a propagation that keeps only what its passes need.
    let results: ForwardMemory.Layout?
    /// Where the blocks' gradients lie, of a propagation with a backward pass.
    let gradients: BackwardMemory.Layout?
    /// Memory of the convolutions' kernels.
    let patches: Int
    /// The gradient of a block's input before it is taken up.
    let imageGradient: Int

    /// The sizes of a propagation of `lanes` lanes of at most `laneCapacity` images, see `Propagation`.
    public init(
        _ plan: NetworkPlan, lanes: Int, laneCapacity: Int, backward: Bool, inputGradient: Bool = false,
        keepsOutputs: Bool = true
    ) {
        let images = lanes * laneCapacity
        input = images * plan.network.input.count
        self.inputGradient = inputGradient ? input : 0
        blocks = plan.blocks.map { Block($0, images: images, backward: backward, keepsOutputs: keepsOutputs) }
        results = keepsOutputs ? nil : ForwardMemory.Layout(plan, images: images, backward: backward)
        gradients = backward ? BackwardMemory.Layout(plan, images: images) : nil
        patches = plan.convolutions.map(\.scratchCount).max() ?? 0
        let largest = plan.blocks.map { block in
            let together = block.convolution?.isFullyConnected ?? false
            return (together ? images : 1) * (block.convolution?.input.count ?? block.sourceShape.count)
        }.max()
        imageGradient = backward ? largest ?? 0 : 0
    }

    /// The floats of the blocks' results.
    public var resultCount: Int { blocks.reduce(results?.count ?? 0) { $0 + $1.source + $1.output } }

    /// The floats of the blocks' gradients.
    public var gradientCount: Int { gradients?.count ?? 0 }

    /// All of it in bytes, but for what does not grow with the images or the weights.
    public var bytes: Double {
        let floats = input + inputGradient + (results?.count ?? 0) + gradientCount + patches + imageGradient
        return blocks.reduce(4 * Double(floats)) { $0 + $1.bytes }
    }
}
