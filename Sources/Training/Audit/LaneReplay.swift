import Kernels
import Networks

/// The reducer of a lane's work that is done again: the sums over all lanes are those of the pass that is checked, and
/// what the lane contributes goes into a signature.
final class LaneReplay: StepReducer {
    /// Of the lane, after the work.
    private(set) var signature = LaneSignature()

    private let propagation: Propagation
    /// True where the lanes' partial gradients of a block are summed.
    private let sumsLanes: [Bool]
    private let partial: Buffer<Float>
    private var totals: [Double] = []
    private var position = 0

    init(_ model: Model, _ propagation: Propagation, sumsLanes: [Bool]) {
        self.propagation = propagation
        self.sumsLanes = sumsLanes
        partial = Buffer(model.plan.convolutions.map(\.weightCount).max() ?? 0)
    }

    /// The bytes that a replay takes.
    static func memory(_ plan: NetworkPlan) -> Double { 4 * Double(plan.convolutions.map(\.weightCount).max() ?? 0) }

    /// Starts anew with the sums of a pass.
    func begin(totals: [Double]) {
        signature = LaneSignature()
        self.totals = totals
        position = 0
    }

    func continuePass() {}
    func finishPass() {}

    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) {
        signature.add(partials, count: count)
        // A lane that goes astray may ask for more sums than the pass had.
        for i in 0..<count { total[i] = position + i < totals.count ? totals[position + i] : .nan }
        position += count
    }

    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? {
        sumsLanes[block] ? partial.pointer : nil
    }

    func finishedLane(block: Int, lane: Int) {
        if sumsLanes[block], let convolution = propagation.plan.blocks[block].convolution {
            signature.add(partial.pointer, count: convolution.weightCount)
        }
    }

    func finishedBlock(_ block: Int, gradients: ChannelGradients) {
        guard !sumsLanes[block], let convolution = propagation.plan.blocks[block].convolution else { return }
        signature.add(propagation.blockInput(block), count: propagation.images * convolution.patchCount)
        signature.add(propagation.blockDelta(block), count: propagation.images * convolution.filters)
    }
}
