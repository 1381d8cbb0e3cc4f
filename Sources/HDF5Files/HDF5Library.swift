import CHDF5
import Essentials
import Synchronization

/// The one door to libhdf5: one caller at a time, messages collected instead of printed, no plugins loaded.
enum HDF5Library {
    private static let door = Mutex(0)

    /// Runs `body` with the library to itself. `body` gets a name for a file in memory, new in every call: libhdf5
    /// takes two such files of one name for the same file.
    static func exclusively<Result>(_ body: (_ memoryName: String) throws -> sending Result) throws -> sending Result {
        try door.withLock { uses in
            uses += 1
            guard H5open() >= 0 else { throw Failure(.unavailable, "the HDF5 library cannot be started") }
            // Of this thread's error stack. A file names its filters; none is ever looked for on the disk.
            H5Eset_auto2(hdf5_current_errors, nil, nil)
            H5PLset_loading_state(0)
            // No such file can exist, so the library cannot mistake one for it.
            return try body("/dev/null/steadfast-\(uses)")
        }
    }

    /// The innermost reason on this thread's error stack, and the stack is cleared.
    static func takeReason() -> String {
        var frames: [String] = []
        withUnsafeMutablePointer(to: &frames) { frames in
            let collect: H5E_walk2_t = { _, frame, frames in
                guard let frame = frame?.pointee, let text = frame.desc else { return 0 }
                frames?.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
                return 0
            }
            _ = H5Ewalk2(hdf5_current_errors, H5E_WALK_UPWARD, collect, frames)
        }
        H5Eclear2(hdf5_current_errors)
        return frames.first ?? "no reason given"
    }
}

/// The version of libhdf5.
public enum HDF5Version {
    /// The one that this process uses: `1.10.8`.
    public static var linked: String {
        var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
        guard H5get_libversion(&major, &minor, &release) >= 0 else { return "unknown" }
        return "\(major).\(minor).\(release)"
    }
}

/// Owns an identifier of libhdf5: a file, a group, a dataset, a type, a property list, and so on. Released at the end
/// of its life.
struct HDF5Identifier: ~Copyable {
    let raw: hid_t

    /// Takes over an identifier that a function of libhdf5 has just returned.
    ///
    /// - Throws: `Failure` 65 with the library's reason where the call had failed.
    init(_ raw: hid_t, _ function: String) throws {
        try check(raw >= 0, function)
        self.raw = raw
    }

    deinit { H5Idec_ref(raw) }
}

/// Turns a failed call of libhdf5 into a `Failure` 65 that names the function and the library's reason.
func check(_ succeeded: Bool, _ function: String) throws {
    if !succeeded { throw Failure(.data, "\(HDF5Library.takeReason()) (\(function))") }
}

/// The file's form of a number type. Only while the library is held.
func fileType(_ type: ElementType) -> hid_t {
    switch type {
    case .float32: hdf5_float32()
    case .float64: hdf5_float64()
    case .int64: hdf5_int64()
    case .int32: hdf5_int32()
    case .int16: hdf5_int16()
    case .uint8: hdf5_uint8()
    }
}
