import Essentials
import Foundation

/// A file system in memory, mounted on a folder until the value is gone. Only root can have one.
final class SmallFileSystem {
    private let folder: String
    private var filler: String { folder + "/filler" }
    private var protected: String?

    /// Whether this process may mount one.
    static var isAllowed: Bool {
        let folder = NSTemporaryDirectory() + "/steadfast-mount-" + UUID().uuidString
        guard (try? FileManager.default.makeDirectory(folder)) != nil else { return false }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return (try? SmallFileSystem(folder)) != nil
    }

    /// - Throws: `Failure` 69 where the system refuses.
    init(_ folder: String) throws {
        guard mount("tmpfs", folder, "tmpfs", 0, "size=64m") == 0 else {
            throw systemFailure(.unavailable, "mount a file system on", folder)
        }
        self.folder = folder
    }

    deinit {
        restore()
        umount2(folder, Int32(MNT_DETACH))
    }

    /// Leaves no byte free.
    func fill() throws {
        let descriptor = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 1 << 16)
        while write(descriptor, block, block.count) > 0 {}
    }

    /// Makes the run's checkpoints unwritable; before there are any, the folder that the run is made in.
    ///
    /// What is open stays so: the files are seen through another mount that forbids writing.
    func protect(_ run: String) throws {
        let target = FileManager.default.isDirectory(run + "/checkpoints") ? run + "/checkpoints" : folder
        let bind = UInt(MS_BIND)
        guard mount(target, target, nil, bind, nil) == 0,
            mount(nil, target, nil, bind | UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0
        else { throw systemFailure(.unavailable, "protect", target) }
        protected = target
    }

    /// Undoes `fill` and `protect`.
    func restore() {
        if let protected { umount2(protected, Int32(MNT_DETACH)) }
        protected = nil
        unlink(filler)
    }
}
