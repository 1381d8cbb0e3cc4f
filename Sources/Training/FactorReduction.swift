import Kernels
import MessagePassing

/// The weight gradient of a large fully connected layer over the global batch, from its gathered factors: the inputs
/// [batch, inputs] and the deltas [batch, outputs] of all images in lane order.
///
/// The gradient's rows are cut into one fixed slice a lane; a lane's rank forms the slice in one product over the batch,
/// whose shape depends on the batch and the lanes alone, and the slices are gathered.
final class FactorReduction {
    private let communicator: Communicator
    private let lanes: Int
    private let inputCount: Int
    private let outputCount: Int
    private let inputRows: RowGather<Float>
    private let deltaRows: RowGather<Float>
    private let inputs: Buffer<Float>
    private let deltas: Buffer<Float>
    private let sliceCounts: [Int32]
    private let sliceStarts: [Int32]
    /// The factors of the whole batch: gathered, or the only rank's own.
    private var factors: (inputs: UnsafePointer<Float>, deltas: UnsafePointer<Float>)

    /// Whether a fully connected layer goes this way: what is summed and travels are the lanes' partial gradients or the
    /// factors. A rule of batch and lanes alone.
    static func isCheaper(batch: Int, lanes: Int, inputs: Int, outputs: Int) -> Bool {
        lanes * inputs * outputs > batch * (inputs + outputs)
    }

    init(_ communicator: Communicator, deal: LaneDeal, batch: Int, inputs: Int, outputs: Int) {
        self.communicator = communicator
        lanes = deal.lanes
        inputCount = inputs
        outputCount = outputs
        inputRows = RowGather(communicator, deal: deal, columns: inputs)
        deltaRows = RowGather(communicator, deal: deal, columns: outputs)
        let gathers = communicator.worldSize > 1
        self.inputs = Buffer(gathers ? batch * inputs : 0)
        deltas = Buffer(gathers ? batch * outputs : 0)
        factors = (UnsafePointer(self.inputs.pointer), UnsafePointer(deltas.pointer))
        let bounds = (0..<deal.ranks).map { rank in
            deal[rank].lowerBound * inputs / deal.lanes..<deal[rank].upperBound * inputs / deal.lanes
        }
        sliceStarts = bounds.map { Int32($0.lowerBound * outputs) }
        sliceCounts = bounds.map { Int32($0.count * outputs) }
    }

    /// Gathers the local images' factors; `rows(lane)` are the images of each lane of the batch. Collective.
    func gather(
        _ localInputs: UnsafePointer<Float>, _ localDeltas: UnsafePointer<Float>, rows: (Int) -> Int
    ) throws {
        inputRows.setRows(rows)
        deltaRows.setRows(rows)
        guard communicator.worldSize > 1 else {
            factors = (localInputs, localDeltas)
            return
        }
        try inputRows.gather(localInputs, into: inputs.pointer)
        try deltaRows.gather(localDeltas, into: deltas.pointer)
    }

    /// Adds this rank's slices to the gradient [inputs, outputs], or writes them there. Local.
    func formSlices(_ gradient: UnsafeMutablePointer<Float>, adding: Bool) {
        for lane in inputRows.lanes {
            let slice = lane * inputCount / lanes..<(lane + 1) * inputCount / lanes
            factorProduct(
                gradient + slice.lowerBound * outputCount, inputs: factors.inputs + slice.lowerBound,
                stride: inputCount,
                factors.deltas, rows: slice.count, columns: outputCount, images: inputRows.rows, adding: adding)
        }
    }

    /// Completes the gradient by the other ranks' slices. Collective.
    func gatherSlices(_ gradient: UnsafeMutablePointer<Float>) throws {
        guard communicator.worldSize > 1 else { return }
        try communicator.allGather(inPlace: gradient, counts: sliceCounts, displacements: sliceStarts)
    }
}
