internal import COpenMPI
import Foundation
import Synchronization

/// How a rank waits for others: it looks again at once for a short while, and then sleeps.
///
/// Looking costs nothing while the core has nothing else to do, and a sleeper comes back late: waking a core takes as
/// long as a message between hosts. So a rank looks for about the time that a sleep costs, and offers its core
/// meanwhile. Where another process takes the core, others need it: the rank sleeps, and in its next waits at once.
struct Patience {
    /// Looks before the first offer of the core.
    private static let quickLooks = 256
    /// Looks between two offers.
    private static let looksBetween = 32
    /// Nanoseconds of looking.
    private static let lookingTime: UInt64 = 150_000
    /// An offer that takes longer, in nanoseconds, was taken.
    private static let takenTime: UInt64 = 10_000
    /// Waits without a look at the core after one in which it was taken.
    private static let crowdedWaits = 32

    /// Waits that are left of these, of this process.
    private static let crowded = Atomic<Int>(0)

    private let isWoken: Bool
    private var looks = 0
    private var start: UInt64 = 0
    private var sleeps = false

    /// Begins to wait, in a sleep that others end or with naps between looks.
    init(isWoken: Bool) {
        self.isWoken = isWoken
        let left = Self.crowded.load(ordering: .relaxed)
        guard isWoken, left > 0 else { return }
        Self.crowded.store(left - 1, ordering: .relaxed)
        sleeps = true
    }

    /// The pause between two looks: a moment, in which the core may be offered; where it is time to sleep, the
    /// nanoseconds that have been waited so far are returned.
    mutating func pass() -> UInt64? {
        looks += 1
        if !sleeps {
            core_pause()
            if looks < Self.quickLooks || looks % Self.looksBetween != 0 { return nil }
        }
        let before = Self.now
        if start == 0 { start = before }
        if sleeps { return before - start }
        sched_yield()
        let after = Self.now
        let isTaken = after - before > Self.takenTime
        if isTaken { Self.crowded.store(Self.crowdedWaits, ordering: .relaxed) }
        // Nobody ends a nap: offers are better, as long as they are short.
        sleeps = isWoken && isTaken || after - start > Self.lookingTime
        return nil
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
