import Kernels
import Lanes
import Networks

/// Blocks whose weight gradients over the global batch are formed as one, and how.
///
/// An exchange costs a host as many messages as there are other hosts, however short they are. So where gradients are
/// sums over lanes, a bucket takes blocks, in the order in which the backward pass is done with them, until it is worth
/// its messages; its exchange begins with the last of them.
package enum GradientBucket {
    /// A block with a weight.
    package struct Block {
        let index: Int
        let convolution: Convolution
    }

    /// A fully connected layer, by one product over a rank's images (`reduction: fast`).
    case product(Block)
    /// A large fully connected layer, from its gathered factors.
    case factors(Block)
    /// Sums over lanes, in the order in which the backward pass is done with the blocks.
    case lanes([Block])

    /// A bucket is full when a host's message to each other one has so many bytes: they take 1.3 us at 100 Gbit/s,
    /// where a message costs a core about as much at its two ends.
    package static let bytesOfMessage = 16 * 1024

    /// The buckets of a network's weight gradients. A rule of sizes and hosts alone; bits do not depend on it, since
    /// the additions of an element are the same in every bucket.
    ///
    /// - Parameters:
    ///   - batch: of a pass.
    ///   - hosts: that speak with each other; on one, whose ranks send nothing, each block has a bucket of its own.
    package static func buckets(
        _ plan: NetworkPlan, batch: Int, lanes: Int, hosts: Int, mode: ReductionMode
    ) -> [GradientBucket] {
        let isShared = mode == .exact && hosts > 1
        var buckets: [GradientBucket] = []
        // Of the bucket that takes further blocks. Not integers: what a recipe asks for may be beyond counting.
        var (blocks, bytes) = ([Block](), 0.0)
        for (index, block) in plan.blocks.enumerated().reversed() {
            guard let convolution = block.convolution else { continue }
            let block = Block(index: index, convolution: convolution)
            if convolution.isFullyConnected, mode == .fast {
                buckets.append(.product(block))
            } else if convolution.isFullyConnected,
                FactorReduction.isCheaper(
                    batch: batch, lanes: lanes, inputs: convolution.patchCount, outputs: convolution.filters)
            {
                buckets.append(.factors(block))
            } else {
                blocks.append(block)
                bytes += 4 * Double(convolution.weightCount)
                if !isShared || bytes >= Double(hosts * bytesOfMessage) {
                    buckets.append(.lanes(blocks))
                    (blocks, bytes) = ([], 0)
                }
            }
        }
        return blocks.isEmpty ? buckets : buckets + [.lanes(blocks)]
    }

    /// The numbers of its blocks.
    package var blocks: [Int] {
        switch self {
        case .product(let block), .factors(let block): [block.index]
        case .lanes(let blocks): blocks.map(\.index)
        }
    }
}
