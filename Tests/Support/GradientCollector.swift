import Kernels
import Networks

/// A gradient reducer: sums lanes in ascending order and collects every parameter's gradient in the model's layout.
public final class GradientCollector: GradientReducer {
    /// Adds up lanes' partials: (partials of the local lanes, count of each, total).
    public typealias Sum = (UnsafePointer<Double>, Int, UnsafeMutablePointer<Double>) -> Void

    /// The gradients, laid out as the model's parameters.
    public let gradients: Buffer<Float>
    /// Each lane's weight gradient, [block][local lane].
    public let laneGradients: [[Buffer<Float>]]
    /// Calls of `finishedLane` as [block, lane], in order.
    public private(set) var finishedLanes: [[Int]] = []
    private let model: Model
    private let sum: Sum

    /// A collector for `lanes` local lanes, which are the whole batch unless `sum` adds others' to them.
    public init(_ model: Model, lanes: Int, sum: Sum? = nil) {
        self.model = model
        self.sum = sum ?? { partials, count, total in Self.add(partials, lanes: lanes, count: count, into: total) }
        gradients = Buffer(model.layout.count)
        laneGradients = model.plan.blocks.map { block in
            (0..<lanes).map { _ in Buffer(block.convolution?.weightCount ?? 0) }
        }
    }

    /// total = the sum of the lanes' partials, lane by lane.
    public static func add(
        _ partials: UnsafePointer<Double>, lanes: Int, count: Int, into total: UnsafeMutablePointer<Double>
    ) {
        for i in 0..<count {
            total[i] = 0
            for lane in 0..<lanes { total[i] += partials[lane * count + i] }
        }
    }

    /// Sums over the lanes.
    public func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws {
        sum(partials, count, total)
    }

    /// Room for each lane.
    public func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>? {
        laneGradients[block][lane].pointer
    }

    /// Notes the call.
    public func finishedLane(block: Int, lane: Int) throws { finishedLanes.append([block, lane]) }

    /// Adds the local lanes' weight gradients up and copies those of the channels.
    public func finishedBlock(_ block: Int, gradients channels: ChannelGradients) throws {
        for entry in model.layout.entries where entry.block == block {
            let target = gradients.pointer + entry.offset
            switch entry.kind {
            case .weight:
                for i in 0..<entry.count { target[i] = laneGradients[block].reduce(0) { $0 + $1.pointer[i] } }
            case .bias: target.update(from: channels.bias, count: entry.count)
            case .gamma: target.update(from: channels.gamma, count: entry.count)
            case .beta: target.update(from: channels.beta, count: entry.count)
            }
        }
    }
}
