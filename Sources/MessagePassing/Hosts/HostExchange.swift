import Foundation

/// The part of an exchange that travels between hosts.
public protocol HostSpeaker: AnyObject {
    /// Begins what the first rank of a host sends to the first ranks of the others in a stage, and receives from them,
    /// in the memory that the ranks of the host share. Collective: the first rank of each host calls this.
    func speak(stage: Int, on link: Communicator) throws -> PendingCollective
}

/// Stages of work that all ranks do together on memory that those of a host share.
///
/// A rank does its part of a stage and begins the next. It goes on when all ranks of its host have come so far and,
/// where the stage speaks, when the first of them has sent what is there and received what the other hosts have. A rank
/// that comes raises a count that the others read, which sends nothing; who waits long sleeps until the last one comes.
/// All is exact: nobody begins a stage before the one before is over for him, so counts of two stages never mix.
///
/// Where a rank is alone on its host, the memory is its own, and it waits for messages alone.
public final class HostExchange {
    /// The ranks, by their hosts.
    public let groups: HostGroups
    /// The memory, all 0 at the start.
    public let base: UnsafeMutableRawPointer
    /// Nil where the memory is this rank's own.
    private let memory: SharedMemory?
    /// Ahead of `base`: how often ranks of the host have come, and how often the first has heard of the other hosts.
    private let counts: SharedCounts
    private static let arrivals = 0
    private static let releases = 1
    /// The arrivals when all have come, and the releases when the first rank has heard of the other hosts.
    private var arrivalTarget = 0
    private var releaseTarget = 0
    private var state = State.over
    private var stage = 0
    private var pending = PendingCollective()
    private unowned var speaker: (any HostSpeaker)?
    /// Of ranks that are but imagined: what notes what they do, and the number of the stage there.
    private let rehearsal: Rehearsal?
    private var rehearsedStage = 0
    /// True where an imagined rank has asked already whether those of its host have come.
    private var hasAsked = false

    /// The part of a stage that a rank waits for.
    private enum State {
        case over
        /// All ranks of the host, before this one speaks, or goes on.
        case arrivals(speaks: Bool)
        /// The other hosts.
        case messages
        /// The host's first rank, which speaks.
        case release
    }

    /// The bytes before the memory.
    private static let header = SharedCounts.bytes(2)

    /// The longest sleep in nanoseconds of a rank that may have messages to keep going, and of one that has few.
    private static let shortSleep = 100_000
    private static let longSleep = 2_000_000

    /// Takes memory on each host for `bytes(groups)` bytes. Where some host has no room for what its ranks share, every
    /// rank takes what it needs as a host of its own; `groups` says so.
    ///
    /// Collective: every rank of the groups calls this.
    ///
    /// - Parameter bytes: the bytes that this rank's host needs in all; the groups may be others than those given.
    /// - Throws: `Failure` 74 when MPI fails.
    public init(_ groups: HostGroups, bytes: (HostGroups) -> Int) throws {
        var (groups, memory) = (groups, SharedMemory?.none)
        rehearsal = groups.world.rehearsal
        if groups.count < groups.world.worldSize, rehearsal == nil {
            let isAlone = groups.host.worldSize == 1
            memory = isAlone ? nil : try groups.host.shareMemory(Self.header + bytes(groups))
            let isThere = try groups.world.allReduce(Int32(memory != nil || isAlone ? 1 : 0), .min) == 1
            if !isThere { (groups, memory) = (try groups.separated(), nil) }
        }
        self.groups = groups
        self.memory = memory
        let start: UnsafeMutableRawPointer
        if let shared = memory?.mutableBytes.baseAddress {
            start = shared
        } else {
            let count = Self.header + bytes(groups)
            start = .allocate(byteCount: count, alignment: 64)
            start.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        }
        counts = SharedCounts(UnsafeMutableRawBufferPointer(start: start, count: Self.header), count: 2)
        base = start + Self.header
    }

    deinit { if memory == nil { (base - Self.header).deallocate() } }

    /// Says that this rank has done its part of the stage before, and begins a stage; `speaker` speaks in it, where it
    /// does and there are other hosts. Local.
    public func begin(_ stage: Int, by speaker: (any HostSpeaker)? = nil) {
        if memory != nil {
            arrivalTarget += groups.host.worldSize
            counts.raise(Self.arrivals, wakingAt: arrivalTarget)
        }
        if let rehearsal, groups.host.worldSize > 1 { rehearsedStage = rehearsal.beginStage() }
        let speaks = speaker != nil && groups.count > 1
        self.stage = stage
        hasAsked = false
        self.speaker = speaker
        if speaks { releaseTarget += 1 }
        state = speaks && groups.link == nil ? .release : .arrivals(speaks: speaks)
    }

    /// True where the stage is over for this rank. Local; lets messages go on.
    public func isReady() throws -> Bool {
        while true {
            switch state {
            case .over: return true
            case .arrivals(let speaks):
                guard allHaveCome() else { return false }
                note(.meet(stage: rehearsedStage, speaks: speaks))
                guard speaks, let link = groups.link, let speaker else {
                    state = .over
                    continue
                }
                pending = try speaker.speak(stage: stage, on: link)
                state = .messages
            case .messages:
                guard try pending.test() else { return false }
                if memory != nil { counts.raise(Self.releases) }
                note(.release(stage: rehearsedStage))
                state = .over
            case .release:
                guard rehearsal?.isWaiting ?? (counts[Self.releases] >= releaseTarget) else { return false }
                note(.release(stage: rehearsedStage))
                state = .over
            }
        }
    }

    /// True where all ranks of the host have come. Those that are but imagined do the same work as this one at the same
    /// time: the moment when it begins the stage is too early, the work up to its next question is enough for them.
    private func allHaveCome() -> Bool {
        guard let rehearsal, groups.host.worldSize > 1 else {
            return memory == nil || counts[Self.arrivals] >= arrivalTarget
        }
        defer { hasAsked = true }
        return hasAsked || rehearsal.isWaiting
    }

    private func note(_ event: Rehearsal.Event) {
        if groups.host.worldSize > 1 { rehearsal?.note(event) }
    }

    /// True where the other ranks are but imagined, so that the memory holds nothing of theirs. Moments of nothing but
    /// zeros would grow from layer to layer until they are no numbers: then what this rank has stands for the sum.
    package var isImagined: Bool { rehearsal != nil }

    /// Waits until the stage is over for this rank; the core goes to others meanwhile.
    ///
    /// Collective: every rank of the groups begins the stage.
    ///
    /// - Parameter others: goes on with other exchanges under way, as far as they can.
    /// - Throws: `Failure` 74 when MPI fails.
    public func wait(meanwhile others: () throws -> Void = {}) throws {
        if try isReady() { return Progress.beat() }
        if let rehearsal {
            // Those of its host that are but imagined have come to all that is under way when asked twice.
            for _ in 0..<2 { try others() }
            return try rehearsal.wait { _ = try isReady() }
        }
        try Progress.waiting {
            var patience = Patience(isWoken: memory != nil && !groups.speaks)
            while try !isReady() {
                try others()
                guard let waited = patience.pass() else { continue }
                try sleep(waited)
            }
        }
    }

    private func sleep(_ waited: UInt64) throws {
        let (count, target): (Int, Int)
        switch state {
        case .over: return
        case .messages: return nap(waited)
        case .arrivals: (count, target) = (Self.arrivals, arrivalTarget)
        case .release: (count, target) = (Self.releases, releaseTarget)
        }
        let limit = groups.speaks ? Self.shortSleep : Self.longSleep
        guard counts.sleep(count, until: target, nanoseconds: limit) else { return }
        // A message that MPI still holds goes on when it is asked.
        try groups.host.letMessagesGoOn()
    }
}
