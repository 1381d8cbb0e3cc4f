import Essentials
import Foundation
import Synchronization

/// Ends this process, and by that the job, where a part of the work that no ``Watchdog`` sees takes too long: MPI's
/// start and end, in which every rank waits for all others, and one that is stopped or whose host is gone lets the rest
/// wait for ever.
///
/// It does not know whose fault it is: a rank speaks that waits.
public enum JobDeadline {
    /// A part of a job.
    public enum Part: String, Sendable {
        /// Until all ranks have come together.
        case start
        /// From the work's end to that of the processes.
        case end
    }

    /// Counts the deadlines begun and called off: one that is not the newest has nothing to say.
    private static let turn = Atomic<Int>(0)
    private static let interval = 0.1
    /// The lowest rank speaks: the others give it, and the launcher that ends them then, so many seconds each.
    private static let courtesy = 2.0
    private static let mostCourtesies = 5

    /// The usual cause where ranks of several hosts wait before anything was exchanged, as the end of a clause; empty
    /// for ranks of one host.
    static var networkHint: String {
        Communicator.spansHosts
            ? "; or Open MPI takes an interface that leads to no other host, as docker0: leave it out by "
                + "OMPI_MCA_btl_tcp_if_exclude=lo,docker0" : ""
    }

    /// The name of the limit.
    static func name(_ isResumable: Bool) -> String { isResumable ? " (stall_timeout)" : "" }

    /// What a person is to do when the job has ended.
    static func remedy(_ isResumable: Bool) -> String { isResumable ? "go on with --resume" : "start it again" }

    /// Watches from now on, until `callOff` or the next deadline. Local.
    ///
    /// Where a rank is itself stopped at its end, and the others have left, a process beside it kills it, a while after
    /// the others would have spoken.
    ///
    /// - Parameters:
    ///   - seconds: of this process's own time: what it is stopped for does not count. 0: no deadline.
    ///   - isResumable: the command has `stall_timeout` and `--resume`.
    public static func begin(_ part: Part, seconds: Double, isResumable: Bool = true) {
        let mine = turn.wrappingAdd(1, ordering: .relaxed).newValue
        guard seconds > 0 else { return }
        let rank = Communicator.launchedRank
        let patience = seconds + courtesy * Double(min(rank, mostCourtesies))
        let thread = Thread {
            var waited = 0.0
            while waited < patience {
                usleep(UInt32(interval * 1e6))
                guard turn.load(ordering: .relaxed) == mine else { return }
                waited += interval
            }
            Guard.giveUp(
                "rank \(rank) on \(ProcessInfo.processInfo.hostName) waited \(seconds) s\(name(isResumable)) in vain "
                    + "for the other ranks, in the \(part) of the job: one of them stands still"
                    + "\(part == .start ? networkHint : ""); look at the hosts, then \(remedy(isResumable))",
                timeout: seconds)
        }
        thread.stackSize = 1 << 19
        thread.name = "deadline"
        thread.start()
        guard part == .end, Communicator.isUnderMpirun else { return }
        let last = seconds + courtesy * Double(mostCourtesies + 1)
        Guard.killSelf(
            after: last,
            saying: "rank \(rank) on \(ProcessInfo.processInfo.hostName) has done its work and does not end: it is "
                + "killed after \(last) s; look at that host, then \(remedy(isResumable)) where the work is not "
                + "complete")
    }

    /// Watches no more. Local.
    public static func callOff() { turn.wrappingAdd(1, ordering: .relaxed) }
}
