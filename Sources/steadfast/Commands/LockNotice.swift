import Essentials
import MessagePassing

/// Says once, on standard error, which job is waited for; ends the wait where a signal asks to stop.
final class LockNotice {
    private var isTold = false

    /// Seconds to wait for a job that has just been killed, while the other ranks wait too.
    static func patience(stallTimeout: Double) -> Double { stallTimeout > 0 ? min(30, stallTimeout / 2) : 30 }

    /// Takes who is waited for.
    ///
    /// - Throws: `Failure` 75 after a signal.
    func callAsFunction(_ holder: String) throws {
        if StopRequest.requested { throw Failure(.stopped, "stopped by a signal while waiting for another job") }
        if !isTold { Console.say("waiting for \(holder)") }
        isTold = true
    }
}
