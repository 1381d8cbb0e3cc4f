internal import COpenMPI
import Essentials

/// A signal that asks the program to save and stop: TERM, USR1 (which mpirun passes on), HUP (a lost terminal) or INT
/// (the keyboard).
///
/// The signal sets a flag and nothing else. The second INT ends the process at once with code 130. Ranks receive a
/// signal at different instants: before they act on it they have to agree.
public enum StopRequest {
    /// Starts to listen. Call it after `Communicator.start`.
    ///
    /// - Throws: `Failure` 70 when the system refuses the handlers.
    public static func install() throws {
        guard stop_install() == 0 else { throw systemFailure(.software, "listen for", "signals") }
    }

    /// This process received such a signal.
    public static var requested: Bool { stop_is_requested() != 0 }
}
