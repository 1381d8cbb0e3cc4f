import Essentials
import Foundation
import Synchronization

/// The stand-in for a lock on a file system without locks: a file that its holder rewrites every few seconds. A second
/// job that sees it change knows that the first one lives; one that does not within some beats takes it over.
///
/// It tells two jobs that start in the same second by who wrote last. It cannot tell a job that is stopped for longer
/// than the beats from one that is gone.
final class HeartbeatFile: Sendable {
    private let path: String
    private let token: String
    private let interval: Double
    private let isHeld = Atomic<Bool>(true)

    /// Seconds between two beats, unless a test wants others.
    static let interval = 5.0
    /// Beats of another job that are waited for before it counts as gone.
    private static let patience = 4.0
    /// The line that a holder leaves when it ends.
    private static let released = "released\n"

    /// Takes the file over, or waits until it can.
    ///
    /// - Parameters:
    ///   - seconds: the longest wait for a job that beats.
    ///   - interval: seconds between two beats.
    ///   - onWait: called once a beat, with who holds the file.
    /// - Throws: `FolderLock.Held` where another job lives, `Failure` 73 or 74 where the file cannot be written.
    init(
        _ path: String, directory: String, waitingUpTo seconds: Double, interval: Double,
        onWait: (String) throws -> Void
    ) throws {
        self.path = path
        self.interval = interval
        token = "process \(getpid()) on \(ProcessInfo.processInfo.hostName), \(UInt64.random(in: 0...UInt64.max))"
        let deadline = Date().addingTimeInterval(seconds)
        var last = try Self.read(path)
        var changed = Date()
        while let text = last, text != Self.released, changed.timeIntervalSinceNow > -Self.patience * interval {
            let holder = "another job (\(text.prefix { $0 != "," && $0 != "\n" }))"
            try onWait("\(holder) that may be using \(directory)")
            usleep(useconds_t(interval * 1e6 / 2))
            let now = try Self.read(path)
            if now != last {
                guard deadline.timeIntervalSinceNow > 0 else {
                    throw FolderLock.Held(
                        "\(holder) is using \(directory): its \(RunLayout.heartbeat) file changes; wait for it or "
                            + "choose another directory")
                }
                (last, changed) = (now, Date())
            }
        }
        try beat(0)
        // Of two jobs that found the file free together, the one that wrote last has it.
        if last != nil { usleep(useconds_t(interval * 1e6 / 10)) }
        guard try Self.read(path)?.hasPrefix(token) == true else {
            throw FolderLock.Held("another job has just begun to use \(directory); choose another directory")
        }
        let (path, token, interval) = (path, token, interval)
        Thread.detachNewThread { [weak self] in
            var number = 0
            while true {
                usleep(useconds_t(interval * 1e6))
                guard let self, self.isHeld.load(ordering: .acquiring) else { return }
                number += 1
                // A disk that is full for a while is no reason to stop.
                try? AtomicFile.write("\(token), beat \(number)\n", to: path)
            }
        }
    }

    deinit {
        isHeld.store(false, ordering: .releasing)
        if (try? Self.read(path))??.hasPrefix(token) == true { try? AtomicFile.write(Self.released, to: path) }
    }

    /// True where a job has beaten within the patience of others, by the file's time and this host's clock: one that is
    /// wrong by more does not see the job.
    static func isBeating(_ path: String) -> Bool {
        guard let text = try? read(path), text != released,
            let changed = try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        else { return false }
        return abs(changed.timeIntervalSinceNow) < patience * interval
    }

    private func beat(_ number: Int) throws { try AtomicFile.write("\(token), beat \(number)\n", to: path) }

    /// The file's text; nil where there is none.
    private static func read(_ path: String) throws -> String? {
        guard access(path, F_OK) == 0 else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw systemFailure(.inputOutput, "read", path)
        }
        return String(decoding: data.prefix(1_000), as: UTF8.self)
    }
}
