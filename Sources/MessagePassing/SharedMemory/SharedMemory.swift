internal import COpenMPI
import Essentials
import Foundation

/// Memory that processes of a host share: filled by the one that makes it and only read afterwards, or written by all.
///
/// It has a name in no file system (memfd_create(2)): others map it through its maker's /proc. So it goes with the last
/// process that maps it, however that one ends; it is not bounded by the size of /dev/shm, 64 MB in many containers;
/// and each process gives it back by itself, where `MPI_Win_free` is a collective.
public final class SharedMemory: @unchecked Sendable {
    /// Where other processes of the host find it, as long as its maker keeps it.
    public struct Place: BitwiseCopyable, Sendable {
        fileprivate var process: Int32 = 0
        fileprivate var descriptor: Int32 = 0
        fileprivate var device: UInt64 = 0
        fileprivate var file: UInt64 = 0
        fileprivate var count = 0

        /// Nowhere.
        public init() {}
    }

    /// The content.
    public let bytes: UnsafeRawBufferPointer
    private var descriptor: Int32
    private let base: UnsafeMutableRawPointer

    /// The content, for who may write it too.
    public var mutableBytes: UnsafeMutableRawBufferPointer {
        precondition(isWritable, "shared memory that is only read")
        return UnsafeMutableRawBufferPointer(start: base, count: bytes.count)
    }
    private var isWritable: Bool

    /// Takes `count` bytes, has them filled, and protects them. Local.
    ///
    /// - Throws: `Failure` 69 where the host has no room for them, and what `fill` throws.
    public convenience init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
        try self.init(try Self.create(count, label: "steadfast-read"), count: count, isWritable: true)
        try fill(mutableBytes)
        guard mprotect(base, max(1, count), PROT_READ) == 0 else { throw Self.noRoom(count, errno) }
        isWritable = false
    }

    /// Takes `count` bytes, all 0, that every process which maps them may write, too. Local.
    ///
    /// - Throws: `Failure` 69 where the host has no room for them.
    public convenience init(writable count: Int) throws {
        try self.init(try Self.create(count, label: "steadfast-written"), count: count, isWritable: true)
    }

    /// The descriptor of memory of so many bytes, all there; /proc shows the label.
    private static func create(_ count: Int, label: String) throws -> Int32 {
        let size = max(1, count)
        // Asked for more than there is, the system would end some process instead.
        guard size <= HostMemory.available(sharedBy: 1) else { throw Self.noRoom(size, ENOMEM) }
        let descriptor = memory_create(label)
        guard descriptor >= 0 else { throw Self.noRoom(size, errno) }
        // Now, where a full host is an error, and not at the first touch, where it is a signal.
        var error = posix_fallocate(descriptor, 0, size)
        while error == EINTR { error = posix_fallocate(descriptor, 0, size) }
        guard error == 0 else {
            close(descriptor)
            throw Self.noRoom(size, error)
        }
        return descriptor
    }

    /// Maps what another process of this host, or this one, has made, to be read, or written too where it was made so.
    /// Local.
    ///
    /// - Throws: `Failure` 69 where this process cannot see it.
    public convenience init(at place: Place, writable: Bool = false) throws {
        let access = writable ? O_RDWR : O_RDONLY
        let descriptor = open("/proc/\(place.process)/fd/\(place.descriptor)", access | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.hidden(String(cString: strerror(errno))) }
        // In a container of its own the same number may mean another process.
        guard let found = Self.place(of: descriptor), (found.device, found.file) == (place.device, place.file) else {
            close(descriptor)
            throw Self.hidden("another file is there")
        }
        try self.init(descriptor, count: place.count, isWritable: writable)
    }

    /// Maps the memory of a descriptor, and owns it.
    private init(_ descriptor: Int32, count: Int, isWritable: Bool) throws {
        let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
        guard let base = mmap(nil, max(1, count), protection, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            let error = errno
            close(descriptor)
            throw Self.noRoom(count, error)
        }
        self.descriptor = descriptor
        self.base = base
        self.isWritable = isWritable
        bytes = UnsafeRawBufferPointer(start: base, count: count)
    }

    deinit {
        munmap(base, max(1, bytes.count))
        closePlace()
    }

    /// Gives the descriptor back once all that want to have mapped it: the memory stays, its `place` is none.
    func closePlace() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Where it is.
    public var place: Place {
        var place = Self.place(of: descriptor) ?? Place()
        place.count = bytes.count
        return place
    }

    private static func place(of descriptor: Int32) -> Place? {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return nil }
        var place = Place()
        (place.process, place.descriptor) = (getpid(), descriptor)
        (place.device, place.file) = (UInt64(facts.st_dev), UInt64(facts.st_ino))
        return place
    }

    private static func noRoom(_ count: Int, _ error: Int32) -> Failure {
        Failure(
            .unavailable,
            "cannot take the \(count / 1_000_000) MB that the ranks of this host share: "
                + "\(String(cString: strerror(error))); "
                + "start on hosts with more memory, or fewer ranks on each; where images are shared, set "
                + "data_sharing: lanes"
        )
    }

    private static func hidden(_ reason: String) -> Failure {
        Failure(
            .unavailable,
            "cannot see the memory that another rank of this host shares: \(reason); start the ranks of a host as one "
                + "user and in one container, or set data_sharing: lanes")
    }
}
