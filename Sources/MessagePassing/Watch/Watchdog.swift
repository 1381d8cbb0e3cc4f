import Essentials
import Foundation
import Synchronization

/// Ends a job that stands still, and says whose fault it is (invariant 5).
///
/// A thread of each rank, which never calls MPI, tells rank 0's what the main thread is doing, by UDP, at most once a
/// second; rank 0's answers, so that the others see that it lives. Where no rank gets on for the timeout, or one rank
/// is silent for it (stopped, or its host gone), rank 0 names it; where rank 0 is silent, the others do. The process
/// that speaks then leaves with the failure's code and without MPI's leave, which makes the launcher end the job,
/// whatever the main threads hang in.
public final class Watchdog: @unchecked Sendable {
    private let rank: Int
    private let hosts: [String]
    /// `rank 3 on node2`, by the number in the job.
    private let names: [String]
    private let timeout: Double
    private let isResumable: Bool
    private let accusesUnheard: Bool
    private let hint = JobDeadline.networkHint
    private let interval: Double
    private let token: UInt64
    private let socket: HeartbeatSocket?
    /// Where rank 0 may be reached.
    private var targets: [sockaddr_in]

    /// Does some work of a communicator's ranks under a watch, before which the deadline of the job's start is called
    /// off.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameters:
    ///   - timeout: seconds without progress; 0: no watch.
    ///   - isResumable: the command has `stall_timeout` and `--resume`.
    ///   - accusesUnheard: a rank that was never heard counts as one that does nothing.
    /// - Throws: as the body; `Failure` 74 when MPI fails.
    public static func during<Result>(
        _ communicator: Communicator, timeout: Double, isResumable: Bool = true, accusesUnheard: Bool = true,
        _ body: () throws -> Result
    ) throws -> Result {
        let watchdog =
            timeout > 0
            ? try start(
                communicator, timeout: timeout, isResumable: isResumable, accusesUnheard: accusesUnheard) : nil
        JobDeadline.callOff()
        defer { watchdog?.stop() }
        return try body()
    }

    /// Starts watching the communicator's ranks for `timeout` seconds, more than 0, without progress, until `stop` or
    /// the process's end.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public static func start(
        _ communicator: Communicator, timeout: Double, isResumable: Bool = true, accusesUnheard: Bool = true
    ) throws -> Watchdog {
        let watchdog = try Watchdog(
            communicator, timeout: timeout, isResumable: isResumable, accusesUnheard: accusesUnheard)
        let thread = Thread { watchdog.run() }
        thread.stackSize = 1 << 19
        thread.name = "watchdog"
        thread.start()
        return watchdog
    }

    /// Watches no more. Every rank calls this at about the same time, when they are done.
    public func stop() { isStopped.store(true, ordering: .relaxed) }

    private let isStopped = Atomic<Bool>(false)

    private init(
        _ communicator: Communicator, timeout: Double, isResumable: Bool, accusesUnheard: Bool
    ) throws {
        precondition(timeout > 0, "a timeout of \(timeout) s")
        self.timeout = timeout
        self.isResumable = isResumable
        self.accusesUnheard = accusesUnheard
        interval = min(1, max(0.05, timeout / 10))
        rank = communicator.rank
        hosts = try communicator.allGather(communicator.hostName)
        names = zip(try communicator.allGather(Int64(communicator.jobRank)), hosts).map { "rank \($0) on \($1)" }
        token = try communicator.broadcast(UInt64.random(in: 0...UInt64.max))
        socket = HeartbeatSocket()
        let port = try communicator.broadcast(socket?.port ?? 0)
        let addresses = try communicator.broadcast(HeartbeatSocket.ownAddresses)
        targets = addresses.map { address in
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = port.bigEndian
            target.sin_addr.s_addr = address
            return target
        }
    }

    /// A thread that sleeps longer than this was stopped itself, with its process.
    private var longestPause: Double { max(timeout / 2, 4 * interval) }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private func run() {
        // Signals are for the main thread.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        if rank == 0 { watchAll() } else { watchFirst() }
    }

    private func own() -> Heartbeat { Heartbeat(token: token, rank: Int32(rank), snapshot: Progress.now) }

    /// Rank 0: hears all, answers all, judges.
    private func watchAll() {
        func newJudge() -> StallJudge {
            StallJudge(
                ranks: hosts.count, timeout: timeout, hint: hint, accusesUnheard: accusesUnheard, now: Self.now)
        }
        var judge = newJudge()
        var last = Self.now
        while !isStopped.load(ordering: .relaxed) {
            let start = Self.now
            judge.hear(0, Progress.now, now: start)
            repeat {
                while let (message, source) = socket?.receive(token: token) {
                    judge.hear(Int(message.rank), message.snapshot, now: Self.now)
                    socket?.send(own(), to: source)
                }
                let left = start + interval - Self.now
                if left > 0 { if let socket { socket.wait(left) } else { usleep(UInt32(left * 1e6)) } }
            } while Self.now < start + interval
            // Where this process itself was stopped for a while, all others seem silent: they get their time again.
            let now = Self.now
            if now - last > longestPause { judge = newJudge() }
            last = now
            // By the same time: this process may be stopped at any place here too.
            if let accusation = judge.accusation(now: now), !isStopped.load(ordering: .relaxed) { end(accusation) }
        }
    }

    /// The other ranks: tell rank 0, and see that it lives.
    private func watchFirst() {
        var heard: Double?
        var last = Self.now
        var changed = last
        var snapshot = Progress.now
        while !isStopped.load(ordering: .relaxed) {
            let start = Self.now
            if Progress.now != snapshot { (snapshot, changed) = (Progress.now, start) }
            for target in targets { socket?.send(own(), to: target) }
            if let socket { socket.wait(interval) } else { usleep(UInt32(interval * 1e6)) }
            while let (message, source) = socket?.receive(token: token) {
                if message.rank == 0 {
                    heard = Self.now
                    targets = [source]
                }
            }
            let rest = start + interval - Self.now
            if rest > 0 { usleep(UInt32(rest * 1e6)) }
            if isStopped.load(ordering: .relaxed) { return }
            let now = Self.now
            if now - last > longestPause { (heard, changed) = (heard.map { _ in now }, now) }
            last = now
            // The lowest rank speaks for all. Two ranks hear rank 0 and look at the clock up to two intervals apart,
            // and the launcher takes its time to end the others.
            let patience = timeout + interval + (2 * interval + 0.5) * Double(min(rank - 1, 20))
            if let heard, now - heard >= patience {
                end(
                    StallJudge.Accusation(
                        rank: 0,
                        sentence: "gives no sign of life for \(Int(now - heard)) s, heard by \(names[rank])"))
            }
            // Without a word from rank 0 ever, only a rank's own standstill is known.
            if heard == nil, accusesUnheard, now - changed >= patience + timeout {
                end(
                    StallJudge.Accusation(
                        rank: rank,
                        sentence:
                            "makes no progress for \(Int(now - changed)) s; it was \(snapshot.title); the ranks "
                            + "cannot hear each other (UDP from \(hosts[rank]) to \(hosts[0]) is blocked)"
                            + (snapshot.steps == 0 ? hint : "")))
            }
        }
    }

    private func end(_ accusation: StallJudge.Accusation) -> Never {
        let sentence =
            accusation.rank < 0
            ? accusation.sentence : "\(names[accusation.rank]) \(accusation.sentence)"
        Guard.giveUp(
            "\(sentence): the job ends after \(timeout) s\(JobDeadline.name(isResumable)); look at that host, then "
                + JobDeadline.remedy(isResumable), timeout: timeout)
    }
}
