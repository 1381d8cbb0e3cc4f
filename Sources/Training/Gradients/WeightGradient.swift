import Kernels
import Lanes
import MessagePassing
import Networks

/// The way in which a block's weight gradient over the global batch is formed.
protocol WeightGradient: StagedCollective {
    /// True where what the lanes contribute are partial gradients, which are summed.
    var sumsLanes: Bool { get }
    /// The memory in which the gradient has to stand; nil where any will do.
    var place: UnsafeMutablePointer<Float>? { get }
    /// The memory for the partial gradient of a lane; nil where the lanes' are not summed. Called for the local lanes
    /// in order.
    func partial(_ lane: Int) -> UnsafeMutablePointer<Float>?
    /// The partial gradient of the lane is written.
    func finishLane()
    /// Begins to form the gradient, or its sum with what stands there, when all local lanes are done; of a bucket's
    /// blocks the last one begins for all. `images(lane)` are the images of each lane of the batch. Collective.
    func start(into gradient: UnsafeMutablePointer<Float>, adding: Bool, images: (_ lane: Int) -> Int) throws
}

/// The sum of the lanes' partial gradients of a block: a piece of the sum of its bucket.
final class LaneGradient: WeightGradient {
    let sumsLanes = true
    let place: UnsafeMutablePointer<Float>?
    private let reduction: LaneReduction<Float>
    private let piece: Int
    /// The gradients of the bucket's blocks, as the pieces lie.
    private let gradients: Buffer<Float>
    /// True of the bucket's last block, which begins the exchange and has its stages.
    private let isLast: Bool
    private let timeline: Timeline

    /// Those of a bucket's blocks, one for each piece of the sum.
    static func bucket(_ reduction: LaneReduction<Float>, timeline: Timeline) -> [LaneGradient] {
        let gradients = Buffer<Float>(reduction.count)
        return reduction.pieces.indices.map { LaneGradient(reduction, piece: $0, of: gradients, timeline) }
    }

    private init(_ reduction: LaneReduction<Float>, piece: Int, of gradients: Buffer<Float>, _ timeline: Timeline) {
        self.reduction = reduction
        self.piece = piece
        self.gradients = gradients
        self.timeline = timeline
        place = gradients.pointer + reduction.pieces[piece].lowerBound
        isLast = piece == reduction.pieces.count - 1
    }

    func partial(_ lane: Int) -> UnsafeMutablePointer<Float>? {
        if lane == reduction.lanes.lowerBound { reduction.begin(piece: piece) }
        return reduction.partial(lane, piece: piece).baseAddress
    }

    func finishLane() { reduction.finishLane(piece: piece) }

    func start(into gradient: UnsafeMutablePointer<Float>, adding: Bool, images: (_ lane: Int) -> Int) throws {
        precondition(gradient == place, "the gradient is elsewhere")
        guard isLast else { return }
        try timeline.measure(.communicate) { try reduction.start(into: gradients.pointer, adding: adding) }
    }

    var stagesLeft: Int { isLast ? reduction.stagesLeft : 0 }
    func isReady() throws -> Bool { try reduction.isReady() }
    func waitUntilReady(meanwhile others: () throws -> Void) throws {
        try reduction.waitUntilReady(meanwhile: others)
    }
    func completeStage() throws { try timeline.measure(.communicate) { try reduction.completeStage() } }
}

/// One product over the rank's images, and MPI's sum of those of all ranks (`reduction: fast`).
final class ProductGradient: WeightGradient {
    let sumsLanes = false
    let place: UnsafeMutablePointer<Float>? = nil
    let stagesLeft = 0
    private let world: Communicator
    private let propagation: Propagation
    private let block: Int
    private let product: Buffer<Float>
    private let outputs: Int

    init(_ world: Communicator, _ propagation: Propagation, block: Int, count: Int) {
        self.world = world
        self.propagation = propagation
        self.block = block
        product = Buffer(count)
        outputs = propagation.channels(ofBlock: block)
    }

    func partial(_ lane: Int) -> UnsafeMutablePointer<Float>? { nil }
    func finishLane() {}

    func start(into gradient: UnsafeMutablePointer<Float>, adding: Bool, images: (_ lane: Int) -> Int) throws {
        let (count, inputs) = (product.count, product.count / outputs)
        propagation.timeline.measure(.weightGradient, block: block) {
            factorProduct(
                product.pointer, inputs: propagation.blockInput(block), stride: inputs, propagation.blockDelta(block),
                rows: inputs, columns: outputs, images: propagation.images, adding: false)
        }
        try propagation.timeline.measure(.communicate) {
            try world.allReduce(UnsafeMutableBufferPointer(start: product.pointer, count: count), .sum)
        }
        if !adding { gradient.update(repeating: 0, count: count) }
        add(gradient, product.pointer, count: count)
    }

    func isReady() -> Bool { true }
    func waitUntilReady(meanwhile others: () throws -> Void) {}
    func completeStage() {}
}
