import Foundation

/// How much memory this process may still take.
public enum HostMemory {
    /// Bytes that are free for each of some processes of this host: of its memory, of this process's control group, and
    /// of the process's own limit (`ulimit -v`), the least. `Int.max` where the system tells nothing.
    public static func available(sharedBy processes: Int) -> Int {
        min(free / processes, groupRest / processes, limitRest)
    }

    /// The most bytes of memory that this process has held at once; 0 where the system does not tell.
    public static var peak: Int { kilobytes(of: "VmHWM:", in: "/proc/self/status") ?? 0 }

    /// /proc/meminfo's MemAvailable: without swapping.
    private static var free: Int {
        kilobytes(of: "MemAvailable:", in: "/proc/meminfo") ?? .max
    }

    /// The memory that memory.max of the control group (version 2), and of those above it, leaves.
    private static var groupRest: Int {
        guard let line = kernelLine("0::", in: "/proc/self/cgroup") else { return .max }
        var path = "/sys/fs/cgroup" + line.dropFirst(3)
        var rest = Int.max
        while path.hasPrefix("/sys/fs/cgroup") {
            if let most = number(path + "/memory.max"), let taken = number(path + "/memory.current") {
                // What the group's files take of it can be given back.
                let key = "inactive_file "
                let cache = kernelLine(key, in: path + "/memory.stat").flatMap { Int($0.dropFirst(key.count)) } ?? 0
                rest = min(rest, max(0, most - taken + cache))
            }
            path = (path as NSString).deletingLastPathComponent
        }
        return rest
    }

    private static var limitRest: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < UInt64(Int.max) else {
            return .max
        }
        return max(0, Int(limit.rlim_cur) - (kilobytes(of: "VmSize:", in: "/proc/self/status") ?? 0))
    }

    private static func kilobytes(of key: String, in file: String) -> Int? {
        kernelLine(key, in: file)?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private static func number(_ file: String) -> Int? { Int(kernelText(file).dropLast()) }
}
