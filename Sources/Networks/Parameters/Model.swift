import Kernels

/// A network with its parameters: one replica.
public final class Model {
    /// The network, worked out.
    public let plan: NetworkPlan
    /// Where each parameter lies.
    public let layout: ParameterLayout
    /// All parameters.
    public let parameters: Buffer<Float>
    /// Batch norm's running means and variances (the variance with divisor n).
    public let moments: Buffer<Float>

    /// Takes the memory; gammas and running variances are 1, all else 0.
    public init(_ plan: NetworkPlan) {
        self.plan = plan
        layout = ParameterLayout(plan)
        parameters = Buffer(layout.count)
        moments = Buffer(layout.momentCount)
        for entry in layout.entries where entry.kind == .gamma {
            (parameters.pointer + entry.offset).update(repeating: 1, count: entry.count)
        }
        for moment in layout.moments {
            (moments.pointer + moment.offset + moment.channels).update(repeating: 1, count: moment.channels)
        }
    }

    /// Draws the initial weights, N(0, deviation^2) of each layer, in OIHW order from the stream (seed, parameter).
    public func drawWeights(seed: UInt64) {
        for (index, entry) in layout.entries.enumerated() where entry.kind == .weight {
            var random = Philox(seed: seed, purpose: .initialWeights, index)
            var tensor = [Float](repeating: 0, count: entry.count)
            tensor.withUnsafeMutableBufferPointer { weights in
                if let base = weights.baseAddress { random.fillGaussian(base, count: weights.count) }
            }
            let deviation = Float(plan.blocks[entry.block].initialDeviation)
            entry.write(tensor.map { $0 * deviation }, to: parameters.pointer)
        }
    }

    /// A pointer to a block's parameter; nil where the block has none of this kind.
    public func pointer(_ kind: ParameterLayout.Kind, ofBlock block: Int) -> UnsafeMutablePointer<Float>? {
        layout.entry(kind, ofBlock: block).map { parameters.pointer + $0.offset }
    }
}
