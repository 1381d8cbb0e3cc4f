import Kernels

/// The memory of a backward pass: the gradients of each block's u and of its output, in one buffer. Blocks whose
/// gradients are needed at different times share places.
///
/// The pass goes from the last block to the first. The gradient of an output is needed from the pass of the last block
/// that takes it to that of its own block; the gradient of u while its block is at work and, where the block is
/// chained, while the one behind it is. The gradients of the network's outputs and of fully connected layers stay:
/// others read them after the pass.
struct BackwardMemory {
    /// Of each block.
    private let deltas: [UnsafeMutablePointer<Float>]
    /// Of each block whose output has a gradient of its own.
    private let gradients: [UnsafeMutablePointer<Float>?]
    private let buffer: Buffer<Float>

    /// Takes the memory.
    init(_ layout: Layout) {
        let buffer = Buffer<Float>(layout.count)
        deltas = layout.deltas.map { buffer.pointer + $0 }
        gradients = layout.gradients.map { $0.map { buffer.pointer + $0 } }
        self.buffer = buffer
    }

    /// The gradient of a block's z, then of its u, [images, source shape].
    func delta(_ block: Int) -> UnsafeMutablePointer<Float> { deltas[block] }

    /// The gradient of a block's output, [images, output shape]; nil where it comes from the next block image by image,
    /// and of the last block.
    func gradient(_ block: Int) -> UnsafeMutablePointer<Float>? { gradients[block] }

    /// Where each gradient begins.
    struct Layout: Sendable {
        private(set) var deltas: [Int]
        private(set) var gradients: [Int?]
        /// The floats of all.
        let count: Int

        /// A gradient: its floats, and the blocks whose passes need it, from the one nearer to the network's end on.
        struct Need {
            let block: Int
            let isDelta: Bool
            let count: Int
            let blocks: ClosedRange<Int>
        }

        init(_ plan: NetworkPlan, images: Int) {
            deltas = plan.blocks.map { _ in 0 }
            gradients = plan.blocks.map { _ in nil }
            let needs = Self.needs(plan, images: images)
            let places = SharedPlaces(needs.map { .init(count: $0.count, times: $0.blocks) })
            count = places.count
            for (need, start) in zip(needs, places.starts) {
                if need.isDelta { deltas[need.block] = start } else { gradients[need.block] = start }
            }
        }

        /// The needs in the order of the pass, larger ones first.
        static func needs(_ plan: NetworkPlan, images: Int) -> [Need] {
            let end = plan.blocks.count - 1
            var takers = plan.blocks.map { _ in 0 }
            for (index, block) in plan.blocks.enumerated() {
                for input in block.inputs where input >= 0 { takers[input] = max(takers[input], index) }
            }
            func floats(_ shape: ImageShape) -> Int { SharedPlaces.floats(images * shape.count) }
            let needs = plan.blocks.enumerated().flatMap { index, block -> [Need] in
                let stays = index == end || block.convolution?.isFullyConnected ?? false
                let delta = Need(
                    block: index, isDelta: true, count: floats(block.sourceShape),
                    blocks: stays ? 0...end : index...(block.isChained ? index + 1 : index))
                guard !block.isChained, index < end else { return [delta] }
                return [
                    delta,
                    Need(block: index, isDelta: false, count: floats(block.output), blocks: index...takers[index]),
                ]
            }
            return needs.sorted {
                ($0.blocks.upperBound, $0.count, $0.block) > ($1.blocks.upperBound, $1.count, $1.block)
            }
        }
    }
}
