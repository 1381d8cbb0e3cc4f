import Essentials
import Foundation

/// A file system in memory, mounted on a folder until the value is gone. Only root can have one.
public final class SmallFileSystem {
    private let folder: String
    private var filler: String { folder + "/filler" }
    private var protected: String?

    /// True where this process may mount one.
    public static let isAllowed: Bool = {
        (try? TemporaryFile.withFolder { _ = try SmallFileSystem($0) }) != nil
    }()

    /// Mounts one.
    ///
    /// - Throws: `Failure` 69 where the system refuses.
    public init(_ folder: String, kilobytes: Int = 65_536) throws {
        guard mount("tmpfs", folder, "tmpfs", 0, "size=\(kilobytes)k") == 0 else {
            throw systemFailure(.unavailable, "mount a file system on", folder)
        }
        self.folder = folder
    }

    deinit {
        restore()
        umount2(folder, Int32(MNT_DETACH))
    }

    /// Leaves no byte free.
    public func fill() throws {
        let descriptor = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 1 << 16)
        while write(descriptor, block, block.count) > 0 {}
    }

    /// Makes the run's checkpoints unwritable; before there are any, the folder that the run is made in.
    ///
    /// Open files stay open: the files are seen through another mount that forbids writing.
    public func protect(_ run: String) throws {
        let target = FileManager.default.isDirectory(run + "/checkpoints") ? run + "/checkpoints" : folder
        let bind = UInt(MS_BIND)
        guard mount(target, target, nil, bind, nil) == 0,
            mount(nil, target, nil, bind | UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0
        else { throw systemFailure(.unavailable, "protect", target) }
        protected = target
    }

    /// Undoes `fill` and `protect`.
    public func restore() {
        if let protected { umount2(protected, Int32(MNT_DETACH)) }
        protected = nil
        unlink(filler)
    }
}

/// Runs the body with a small file system of its own.
public func withSmallFileSystem(kilobytes: Int, _ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { folder in
        let system = try SmallFileSystem(folder, kilobytes: kilobytes)
        try body(folder)
        withExtendedLifetime(system) {}
    }
}
