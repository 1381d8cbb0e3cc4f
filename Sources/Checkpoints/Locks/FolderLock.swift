import Essentials
import Foundation

/// The lock that one job holds on a directory that it writes to: a run, or an evaluation. It is the kernel's: it ends
/// with the process that holds it, however that ends, and the file `lock` that stays behind means nothing.
///
/// It is an open file description lock (`F_OFD_SETLK`), a byte-range lock. An NFS client hands those to the server, so
/// that they exclude jobs on other hosts too, with `local_lock=flock` as well, which keeps flock(2) to the host; and it
/// ends when its descriptor closes, while a classic POSIX lock ends when any descriptor of the file closes. Child
/// processes do not inherit the descriptor. (An NFS server frees the locks of a host that died after its lease, 90 s.)
///
/// Some file systems have no locks: Lustre mounted without flock, some NFS. There `STEADFAST_LOCK=off` keeps a second
/// job out by a heartbeat file.
public final class FolderLock {
    /// The environment variable that turns the kernel's lock off.
    public static let variable = "STEADFAST_LOCK"

    private var descriptor: Int32 = -1
    private var heartbeat: HeartbeatFile?

    /// Another job has the lock.
    struct Held: Error {
        let failure: Failure

        init(_ sentence: String) { failure = Failure(.unavailable, sentence) }
    }

    /// Takes the lock, waiting `seconds` at most: a job that has just been killed may take a while to end.
    ///
    /// - Throws: `Failure` 69 where another job keeps it or the file system has no locks, 73 where the lock file cannot
    ///   be made; what `onWait` throws.
    public convenience init(
        _ directory: String, waitingUpTo seconds: Double, onWait: (String) throws -> Void = { _ in }
    ) throws {
        try self.init(directory, waitingUpTo: seconds, beat: Self.beat, onWait: onWait)
    }

    /// The same with another way to lock a descriptor, which returns 0 or an error number, or by a heartbeat of `beat`
    /// seconds alone.
    package convenience init(
        _ directory: String, waitingUpTo seconds: Double, beat: Double?,
        takeLock: (Int32) -> Int32 = FolderLock.takeKernelLock, onWait: (String) throws -> Void = { _ in }
    ) throws {
        do {
            try self.init(trying: directory, seconds, beat, takeLock, onWait)
        } catch let held as Held { throw held.failure }
    }

    /// Takes the lock as the initialiser does; nil where another job keeps it.
    ///
    /// - Throws: `Failure` 69 where the file system has no locks, 73 where the lock file cannot be made; what `onWait`
    ///   throws.
    public static func claim(
        _ directory: String, waitingUpTo seconds: Double, onWait: (String) throws -> Void = { _ in }
    ) throws -> FolderLock? {
        try claim(directory, waitingUpTo: seconds, beat: beat, onWait: onWait)
    }

    /// The same with another way to lock, or by a heartbeat.
    package static func claim(
        _ directory: String, waitingUpTo seconds: Double, beat: Double?,
        takeLock: (Int32) -> Int32 = FolderLock.takeKernelLock, onWait: (String) throws -> Void = { _ in }
    ) throws -> FolderLock? {
        do { return try FolderLock(trying: directory, seconds, beat, takeLock, onWait) } catch is Held { return nil }
    }

    /// Seconds between two beats where the kernel's lock is turned off; nil where it is not.
    private static var beat: Double? {
        ProcessInfo.processInfo.environment[variable] == "off" ? HeartbeatFile.interval : nil
    }

    private init(
        trying directory: String, _ seconds: Double, _ beat: Double?, _ takeLock: (Int32) -> Int32,
        _ onWait: (String) throws -> Void
    ) throws {
        let deadline = Date().addingTimeInterval(seconds)
        let beats = "\(directory)/\(RunLayout.heartbeat)"
        func wait(for holder: String) throws {
            guard deadline.timeIntervalSinceNow > 0 else {
                throw Held("\(holder) is using \(directory); wait for it or choose another directory")
            }
            try onWait("\(holder) that is using \(directory)")
            // Lock servers of parallel file systems are not to be asked more often.
            sleep(1)
        }
        if let beat {
            // A job without the variable has the kernel's lock: looked for before the first beat and behind it.
            while Self.isLocked(directory) { try wait(for: "another job") }
            heartbeat = try HeartbeatFile(
                beats, directory: directory, waitingUpTo: seconds, interval: beat, onWait: onWait)
            while Self.isLocked(directory) { try wait(for: "another job") }
            return
        }
        let path = "\(directory)/\(RunLayout.lock)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", path) }
        var isTaken = false
        defer { if !isTaken { close(descriptor) } }
        while true {
            let error = takeLock(descriptor)
            guard [0, EAGAIN, EACCES, EINTR].contains(error) else { throw Self.failure(error, path) }
            guard error == 0 else {
                try wait(for: "another job\(Self.holder(descriptor))")
                continue
            }
            // A job without the kernel's locks beats, and may wait for this one's.
            guard HeartbeatFile.isBeating(beats) else { break }
            Self.releaseKernelLock(descriptor)
            try wait(for: "another job (whose \(RunLayout.heartbeat) file changes)")
        }
        isTaken = true
        self.descriptor = descriptor
        writeHolder()
    }

    package static func takeKernelLock(_ descriptor: Int32) -> Int32 {
        var range = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        return fcntl(descriptor, openFileDescriptionSetLock, &range) == 0 ? 0 : errno
    }

    private static func releaseKernelLock(_ descriptor: Int32) {
        var range = flock(l_type: Int16(F_UNLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        _ = fcntl(descriptor, openFileDescriptionSetLock, &range)
    }

    private static func failure(_ error: Int32, _ path: String) -> Failure {
        let reason = "cannot lock \(path): \(String(cString: strerror(error)))"
        guard [ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL].contains(error) else { return Failure(.unavailable, reason) }
        return Failure(
            .unavailable,
            "\(reason): the file system has no locks (Lustre mounted without flock, some NFS). Have it mounted with "
                + "locks, choose a directory elsewhere, or set \(variable)=off: a heartbeat file then keeps a second "
                + "job out, less surely")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Removes the folder, where nothing but the lock's own files is in it: after a job that failed at once.
    public static func removeIfUnused(_ directory: String) {
        let own = [RunLayout.lock, RunLayout.heartbeat]
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory),
            names.allSatisfy(own.contains)
        else { return }
        for name in own { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    /// True while a job holds the lock of a directory, or its heartbeat goes on; false where none does or nothing can
    /// be known. Takes no lock: what it says may be over when the caller reads it.
    public static func isHeld(_ directory: String) -> Bool {
        HeartbeatFile.isBeating("\(directory)/\(RunLayout.heartbeat)") || isLocked(directory)
    }

    private static func isLocked(_ directory: String) -> Bool {
        let descriptor = open("\(directory)/\(RunLayout.lock)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var range = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        return fcntl(descriptor, openFileDescriptionGetLock, &range) == 0 && range.l_type != Int16(F_UNLCK)
    }

    /// Says who holds the lock; for people only, so that a full disk is no reason to stop.
    private func writeHolder() {
        let text = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)\n".utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let line = bytes.prefix(max(0, count)).prefix { $0 >= 0x20 && $0 < 0x7F }
        return line.isEmpty ? "" : " (" + String(decoding: line, as: UTF8.self) + ")"
    }
}

/// `F_OFD_GETLK` and `F_OFD_SETLK` of Linux, which the C library's module does not export.
private let (openFileDescriptionGetLock, openFileDescriptionSetLock): (Int32, Int32) = (36, 37)
