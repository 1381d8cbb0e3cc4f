import Lanes
import MessagePassing
import Networks

/// The messages of one training step with the exact reduction, those of gradients, moments and counts: for predicting
/// how a step scales. One node of the lane tree for each rank is assumed, as for powers of two, and a host for each
/// rank.
public struct StepTraffic {
    /// A collective of the step.
    public enum Message: Equatable, Sendable {
        /// Every rank gives so many bytes and receives those of all.
        case gather(bytesOfEach: Double)
        /// All ranks together give so many bytes, each the same, and every rank receives all.
        case share(bytesOfAll: Double)
        /// Every rank cuts so many bytes in slices and gives each rank one.
        case exchange(bytesOfEach: Double)
    }

    /// The collectives, in no order.
    public let messages: [Message]
    /// The blocks whose weight gradient is formed from gathered factors.
    public let factorBlocks: [Int]
    /// True where each rank forms the whole of it, and not a share.
    public let repeatsProducts: Bool

    /// The collectives of a step of a network on a global batch in so many lanes, between so many ranks.
    public init(_ plan: NetworkPlan, batch: Int, lanes: Int, ranks: Int) {
        func sum(count: Int, size: Int) -> [Message] {
            let bytes = Double(count * size)
            if count * size <= LaneReduction<Double>.wholeLimit { return [.gather(bytesOfEach: bytes)] }
            return [.exchange(bytesOfEach: bytes), .share(bytesOfAll: bytes)]
        }
        // Loss, errors, images, ranks asked to stop.
        var messages = sum(count: 4, size: 8)
        for block in plan.blocks {
            // Backward: the sums of dz and dz u, or of dz alone for the bias; forward: the moments.
            for _ in 0..<(block.normalization != nil ? 2 : block.hasBias ? 1 : 0) {
                messages += sum(count: 2 * block.sourceShape.channels, size: 8)
            }
        }
        var factorBlocks: [Int] = []
        repeatsProducts = FactorReduction.repeatsSlices(batch: batch, hosts: 2)
        for bucket in GradientBucket.buckets(plan, batch: batch, lanes: lanes, hosts: ranks, mode: .exact) {
            switch bucket {
            case .product: break
            case .factors(let block):
                let (inputs, outputs) = (block.convolution.patchCount, block.convolution.filters)
                factorBlocks.append(block.index)
                let slices = repeatsProducts ? [] : [4 * inputs * outputs]
                for bytes in [4 * batch * inputs, 4 * batch * outputs] + slices {
                    messages.append(.share(bytesOfAll: Double(bytes)))
                }
            case .lanes(let blocks):
                messages += sum(count: blocks.reduce(0) { $0 + $1.convolution.weightCount }, size: 4)
            }
        }
        self.messages = messages
        self.factorBlocks = factorBlocks
    }
}
