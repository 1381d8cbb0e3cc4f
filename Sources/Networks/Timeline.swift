import Foundation
import Kernels

/// The activities of a step.
public enum Activity: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    /// Samples are drawn into the batch.
    case draw
    /// A convolution, or the product of a fully connected layer.
    case forward
    /// From a block's source to its output: affine map, activation, pools, sums.
    case forwardTail
    /// Sums over the batch for its moments.
    case moments
    /// The loss and its gradient.
    case loss
    /// The gradient of the weights.
    case weightGradient
    /// The gradient of a convolution's input.
    case inputGradient
    /// Back through pools, activation and affine map.
    case backwardTail
    /// Lane partials added up.
    case combine
    /// The optimiser's update.
    case update
    /// Collectives, waiting for other ranks included.
    case communicate

    /// As tables and traces call it.
    public var title: String {
        switch self {
        case .draw: "draw samples"
        case .forward: "forward"
        case .forwardTail: "activation, pool"
        case .moments: "moments"
        case .loss: "loss"
        case .weightGradient: "weight gradient"
        case .inputGradient: "input gradient"
        case .backwardTail: "activation, pool back"
        case .combine: "add up lanes"
        case .update: "update"
        case .communicate: "communication"
        }
    }
}

/// Where the time of steps goes: seconds by activity and block, and, if asked for, each stretch with its beginning and
/// end.
///
/// All memory is taken at init. A timeline that is not `detailed` clocks `draw` and `communicate` alone, which cost a
/// clock's reading some dozen times a step, and some hundred times where messages go on beside it; the others are
/// clocked for every image.
public final class Timeline {
    /// A stretch of time.
    public struct Span: BitwiseCopyable, Sendable {
        /// The activity.
        public let activity: Activity
        /// The block of the network, or -1.
        public let block: Int16
        /// Nanoseconds since the timeline was made or reset.
        public let start: UInt64
        /// Nanoseconds.
        public let length: UInt64
    }

    /// Clocks all activities.
    public var isDetailed: Bool
    private let totals: Buffer<UInt64>
    private let kept: Buffer<Span>
    private var keptCount = 0
    private var origin = Timeline.now
    private let blocks: Int

    /// Takes memory.
    ///
    /// - Parameters:
    ///   - blocks: the blocks of the network.
    ///   - detailed: clock all activities.
    ///   - spans: keep the first so many stretches.
    public init(blocks: Int, detailed: Bool = false, spans: Int = 0) {
        self.blocks = blocks
        isDetailed = detailed
        totals = Buffer(Activity.allCases.count * (blocks + 1))
        kept = Buffer(spans)
    }

    /// The seconds of another timeline as they stand now, without its stretches.
    public init(copying other: Timeline) {
        blocks = other.blocks
        isDetailed = other.isDetailed
        totals = Buffer(other.totals.elements)
        kept = Buffer(0)
    }

    /// Runs the body and clocks it.
    @inlinable @inline(__always)
    public func measure<Result>(
        _ activity: Activity, block: Int = -1, _ body: () throws -> Result
    ) rethrows -> Result {
        guard isDetailed || activity == .draw || activity == .communicate else { return try body() }
        let start = Self.now
        defer { add(activity, block, start) }
        return try body()
    }

    @usableFromInline
    func add(_ activity: Activity, _ block: Int, _ start: UInt64) {
        let length = Self.now - start
        totals.pointer[Int(activity.rawValue) * (blocks + 1) + block + 1] += length
        guard keptCount < kept.count else { return }
        kept.pointer[keptCount] = Span(activity: activity, block: Int16(block), start: start - origin, length: length)
        keptCount += 1
    }

    /// Forgets all seconds and stretches, and starts from now.
    public func reset() {
        origin = Timeline.now
        totals.pointer.update(repeating: 0, count: totals.count)
        keptCount = 0
    }

    /// Seconds of an activity in a block so far.
    public func seconds(_ activity: Activity, block: Int) -> Double {
        Double(totals.pointer[Int(activity.rawValue) * (blocks + 1) + block + 1]) * 1e-9
    }

    /// Seconds of an activity so far, over all blocks.
    public func seconds(_ activity: Activity) -> Double {
        (-1..<blocks).reduce(0) { $0 + seconds(activity, block: $1) }
    }

    /// The stretches that were kept, in the order in which they ended.
    public var spans: UnsafeBufferPointer<Span> { UnsafeBufferPointer(start: kept.pointer, count: keptCount) }

    /// Nanoseconds of the monotonic clock.
    @inlinable
    public static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
