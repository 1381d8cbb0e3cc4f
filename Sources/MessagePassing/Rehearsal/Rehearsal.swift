import Foundation

/// A rank of a job that is but imagined: one process does what that rank does, by the code of every rank, and whatever
/// it would send to others, or wait for, is noted and not done.
///
/// What the others would have sent is not there: places for it hold what this rank would send, or 0. Numbers are
/// therefore of no use; the order of messages, their sizes and the time between them are those of the real rank, since
/// none of these depends on numbers.
public final class Rehearsal {
    /// A collective, with the bytes that travel.
    public enum Collective: Equatable, Sendable {
        /// Every rank gives a block to all: the bytes of each one's.
        case allGather(bytes: [Int])
        /// Every rank gives a block to each: the bytes for each, and those from each.
        case allToAll(sent: [Int], received: [Int])
        /// So many bytes become their sum, maximum or minimum over the ranks.
        case allReduce(bytes: Int)
        /// A collective that steps of a training do not have.
        case other(String)
    }

    /// A thing that concerns others. Stages (of `HostExchange`) and collectives are numbered as they begin, the same at
    /// all ranks.
    public enum Event: Equatable, Sendable {
        /// This rank has done its part of the work before a stage, which the host's others may wait for.
        case arrive(stage: Int)
        /// It needs all ranks of its host to have arrived: all of them do, or its first one alone, which speaks.
        case meet(stage: Int, speaks: Bool)
        /// The host's first rank tells the others that it has heard of the other hosts; they wait for that.
        case release(stage: Int)
        /// A collective of all ranks, or of the first of each host, begins.
        case begin(Collective, number: Int)
        /// It is waited for.
        case end(number: Int)
    }

    /// The events of a step, each with the seconds of work before it, and the seconds of work after the last one.
    public struct Step: Sendable {
        /// The events.
        public let events: [Event]
        /// One number more than events.
        public let seconds: [Double]

        /// A step of so many events.
        public init(events: [Event], seconds: [Double]) {
            precondition(seconds.count == events.count + 1, "\(seconds.count) times for \(events.count) events")
            (self.events, self.seconds) = (events, seconds)
        }
    }

    private var events: [Event] = []
    private var seconds: [Double] = []
    private var last = ContinuousClock.now
    private var stages = 0
    private var collectives = 0
    /// True where the rank waits for others, so that what they do is done. Else no message of theirs is there; those of
    /// its host, which do the same at the same time, have come to a stage when it asks for the second time.
    private(set) var isWaiting = false

    /// A rehearsal in which nothing has happened.
    public init() {}

    /// Begins to note a step.
    public func begin() {
        (stages, collectives) = (0, 0)
        events.removeAll(keepingCapacity: true)
        seconds.removeAll(keepingCapacity: true)
        last = .now
    }

    /// Ends the step that was begun, and returns it.
    public func end() -> Step {
        lap()
        return Step(events: events, seconds: seconds)
    }

    private func lap() {
        let now = ContinuousClock.now
        let (whole, rest) = (now - last).components
        seconds.append(Double(whole) + Double(rest) * 1e-18)
    }

    func note(_ event: Event) {
        lap()
        events.append(event)
        last = .now
    }

    /// Does what a rank does when the others have done their part.
    func wait(_ body: () throws -> Void) rethrows {
        let before = isWaiting
        isWaiting = true
        defer { isWaiting = before }
        try body()
    }

    /// Notes a collective that steps of a training do not have.
    func note(other function: String) { note(.begin(.other(function), number: 0)) }

    /// Notes that a stage begins, and returns its number.
    func beginStage() -> Int {
        stages += 1
        note(.arrive(stage: stages))
        return stages
    }

    /// Notes that a collective begins, and returns it, under way until it is waited for.
    func begin(_ collective: Collective) -> PendingCollective {
        collectives += 1
        note(.begin(collective, number: collectives))
        return PendingCollective(rehearsed: collectives, in: self)
    }
}

extension Communicator {
    /// A rank of an imagined job: the ranks are on hosts of equal numbers of them, which share memory, unless
    /// `STEADFAST_SHARED_MEMORY` is `off`. Local.
    ///
    /// - Parameters:
    ///   - ranks: a multiple of `hosts`.
    ///   - rehearsal: notes what the rank does.
    public static func rehearsing(
        _ rank: Int, of ranks: Int, hosts: Int, by rehearsal: Rehearsal
    ) throws -> Communicator {
        precondition(ranks % hosts == 0, "\(ranks) ranks on \(hosts) hosts")
        let world = Communicator(rank: rank, worldSize: ranks, rehearsal: rehearsal)
        if ranks > 1 { try world.settle(HostGroups(rehearsing: world, hosts: hosts)) }
        return world
    }
}
