import Kernels

/// The memory of a forward pass whose blocks' results nobody reads later on: those that are needed at different times
/// share places in one buffer.
///
/// The pass goes from the first block to the last. An output is needed from the pass of its own block to that of the
/// last block that takes it, u while its block is at work and, where the block is chained, while the one behind it is.
/// A backward pass to the image needs every u again, which then has memory of its own; an identity's is the output of
/// the block before. It needs the factors of a product and the operands of a quotient, too. The network's outputs stay.
struct ForwardMemory {
    private let layout: Layout
    private let buffer: Buffer<Float>

    /// Takes the memory.
    init(_ layout: Layout) {
        self.layout = layout
        buffer = Buffer(layout.count)
    }

    /// A block's u, [images, source shape]; nil where it lies elsewhere.
    func source(_ block: Int) -> UnsafeMutablePointer<Float>? { layout.sources[block].map { buffer.pointer + $0 } }

    /// A block's output, [images, output shape].
    func output(_ block: Int) -> UnsafeMutablePointer<Float> { buffer.pointer + layout.outputs[block] }

    /// Where each result begins.
    struct Layout: Sendable {
        /// Of each block's u; nil where it lies elsewhere.
        private(set) var sources: [Int?]
        /// Of each block's output.
        private(set) var outputs: [Int]
        /// The floats of all.
        let count: Int

        init(_ plan: NetworkPlan, images: Int, backward: Bool) {
            let end = plan.blocks.count - 1
            // With the slack that a buffer has: kernels write whole vectors.
            func floats(_ shape: ImageShape) -> Int { SharedPlaces.floats(images * shape.count + 32) }
            var needs: [(block: Int, isSource: Bool, need: SharedPlaces.Need)] = []
            for (index, block) in plan.blocks.enumerated() {
                let working = index...min(end, block.isChained ? index + 1 : index)
                // Around an image that is padded, u stays zero from the beginning.
                if !backward, !block.isIdentity, !block.isPadding {
                    needs.append((index, true, .init(count: floats(block.sourceShape), times: working)))
                }
                var last = index == end ? end : working.upperBound
                for (taker, other) in plan.blocks.enumerated() where other.inputs.contains(index) {
                    let isKept = backward && other.readsInputsBackward
                    last = max(last, isKept ? end : other.isChained ? min(end, taker + 1) : taker)
                }
                needs.append((index, false, .init(count: floats(block.output), times: index...last)))
            }
            let places = SharedPlaces(needs.map(\.need))
            sources = plan.blocks.map { _ in nil }
            outputs = plan.blocks.map { _ in 0 }
            count = places.count
            for (need, start) in zip(needs, places.starts) {
                if need.isSource { sources[need.block] = start } else { outputs[need.block] = start }
            }
        }
    }
}

extension NetworkPlan.Block {
    /// True of a block that puts zeros around its input.
    var isPadding: Bool { if case .padding = source { true } else { false } }
}
