import Essentials
import Foundation

/// The lock that one job holds on a directory that it writes to: a run, or an evaluation. It is the kernel's: it ends with the process that holds it, however
/// that ends, and the file `lock` that stays behind means nothing.
///
/// It is an open file description lock (`F_OFD_SETLK`), a byte-range lock. An NFS client hands those to the server, so
/// that they exclude jobs on other hosts too, with `local_lock=flock` as well, which keeps flock(2) to the host; and it
/// ends when its descriptor closes, while a classic POSIX lock ends when any descriptor of the file closes. Child
/// processes do not inherit the descriptor. (An NFS server frees the locks of a host that died after its lease, 90 s.)
public final class FolderLock {
    private let descriptor: Int32

    /// Takes the lock, waiting `seconds` at most: a job that has just been killed may take a while to end.
    ///
    /// - Throws: `Failure` 69 where another job keeps it or the file system has no locks, 73 where the lock file cannot
    ///   be made.
    public init(_ directory: String, waitingUpTo seconds: Double, onWait: (String) throws -> Void = { _ in }) throws {
        let path = "\(directory)/\(RunLayout.lock)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", path) }
        let deadline = Date().addingTimeInterval(seconds)
        while true {
            var range = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
            if fcntl(descriptor, openFileDescriptionSetLock, &range) == 0 { break }
            let error = errno
            guard error == EAGAIN || error == EACCES || error == EINTR else {
                close(descriptor)
                throw Failure(.unavailable, "cannot lock \(path): \(String(cString: strerror(error)))")
            }
            let holder = "another job\(Self.holder(descriptor))"
            guard deadline.timeIntervalSinceNow > 0 else {
                close(descriptor)
                throw Failure(
                    .unavailable, "\(holder) is using \(directory); wait for it or choose another directory")
            }
            do { try onWait("\(holder) that is using \(directory)") } catch {
                close(descriptor)
                throw error
            }
            // Lock servers of parallel file systems are not to be asked more often.
            sleep(1)
        }
        self.descriptor = descriptor
        writeHolder()
    }

    deinit { close(descriptor) }

    /// True while a job holds the lock of a directory, false where none does or nothing can be known. Takes no lock.
    public static func isHeld(_ directory: String) -> Bool {
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
