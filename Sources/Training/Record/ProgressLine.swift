import Essentials
import Foundation
import MessagePassing

/// The terminal that a person watches a job on.
public enum Terminal {
    /// Standard error reaches a terminal: by itself, or through the mpirun that started this rank and passes it on.
    public static let isWatched: Bool = {
        if isatty(STDERR_FILENO) == 1 { return true }
        guard Communicator.isUnderMpirun else { return false }
        let descriptor = open("/proc/\(getppid())/fd/2", O_WRONLY | O_NOCTTY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        return descriptor >= 0 && isatty(descriptor) == 1
    }()
}

/// A line that tells how far a job is, its rate and the time left: on a terminal one that is written over a few times a
/// second, elsewhere a plain line on standard output every ten seconds.
public struct ProgressLine {
    private let isMoving: Bool
    private let interval: Double
    private let file: FileHandle
    private var last = ContinuousClock.now
    private var amountSince = 0.0
    private var doneBefore: Int?
    private let start = ContinuousClock.now
    private var isShown = false

    /// A line that is not shown yet.
    public init(isMoving: Bool = Terminal.isWatched) {
        self.init(isMoving: isMoving, interval: isMoving ? Self.movingInterval : 10, to: .standardError)
    }

    /// One that comes every `interval` seconds and, where it moves, goes to `file`.
    package init(isMoving: Bool, interval: Double, to file: FileHandle) {
        (self.isMoving, self.interval, self.file) = (isMoving, interval, file)
    }

    /// The seconds between two lines on a terminal.
    package static let movingInterval = 0.25

    /// Counts the amount done since the last call and, where it is time, writes the line.
    public mutating func update(
        _ text: @autoclosure () -> String, done: Int, of total: Int, amount: Double, unit: String
    ) {
        amountSince += amount
        if doneBefore == nil { doneBefore = done - 1 }
        let elapsed = seconds(since: last)
        guard elapsed > interval else { return }
        let perStep = seconds(since: start) / Double(max(1, done - (doneBefore ?? 0)))
        let left = Int(min(perStep * Double(max(0, total - done)), 1e9))
        let clock = "\(left / 3600):\(twoDigits(left / 60 % 60)):\(twoDigits(left % 60))"
        let line = "\(text())  \(Int(amountSince / elapsed)) \(unit)  \(clock) left"
        if isMoving {
            write("\r\u{1B}[K" + line)
        } else {
            print(line)
            fflush(nil)
        }
        last = .now
        amountSince = 0
        isShown = isMoving
    }

    /// Takes the line away.
    public mutating func clear() {
        if isShown { write("\r\u{1B}[K") }
        isShown = false
    }

    private func write(_ text: String) { try? file.write(contentsOf: Data(text.utf8)) }
    private func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
