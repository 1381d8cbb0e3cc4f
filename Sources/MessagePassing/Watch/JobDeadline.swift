import Essentials
import Foundation
import Synchronization

/// Ends this process, and by that the job, where a part of the work that no ``Watchdog`` sees takes too long: MPI's start and end,
/// in which every rank waits for all others, and one that is stopped or whose host is gone lets the rest wait for ever.
///
/// It does not know whose fault it is: a rank speaks that waits.
public enum Vigil {
    /// Counts the vigils begun and ended: one that is not the newest has nothing to say.
    private static let turn = Atomic<Int>(0)
    private static let interval = 0.1

    /// Watches from now on, until `end` or the next vigil. Local.
    ///
    /// - Parameters:
    ///   - part: completes `in vain, in the`: `start of the job`.
    ///   - seconds: of this process's own time: what it is stopped for does not count. 0: no vigil.
    public static func begin(_ part: String, seconds: Double) {
        let mine = turn.wrappingAdd(1, ordering: .relaxed).newValue
        guard seconds > 0 else { return }
        let rank = Communicator.launchedRank
        // The lowest rank speaks: the others give it, and the launcher that ends them then, the time.
        let patience = seconds + 2 * Double(min(rank, 5))
        let thread = Thread {
            var waited = 0.0
            while waited < patience {
                usleep(UInt32(interval * 1e6))
                guard turn.load(ordering: .relaxed) == mine else { return }
                waited += interval
            }
            let text =
                "steadfast: rank \(rank) on \(ProcessInfo.processInfo.hostName) waited \(seconds) s (stall_timeout) in vain for the "
                + "other ranks, in the \(part): one of them stands still; look at the hosts, then go on with --resume\n"
            Array(text.utf8).withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
            _exit(ExitCode.hostFault.rawValue)
        }
        thread.stackSize = 1 << 19
        thread.name = "vigil"
        thread.start()
    }

    /// Watches no more. Local.
    public static func end() { turn.wrappingAdd(1, ordering: .relaxed) }
}
