import Essentials
import Foundation

/// The kernel's facts about this process and its host.
package enum ProcessFacts {
    /// The name of the first CPU of this host.
    static var cpuModel: String {
        let name = value(of: "model name", in: "/proc/cpuinfo", separator: ":")
        return name.isEmpty ? "unknown" : name
    }

    /// The widest vector instructions of this host's CPU.
    static var vectors: String {
        let flags = Set(value(of: "flags", in: "/proc/cpuinfo", separator: ":").split(separator: " ").map(String.init))
        return ["avx512f", "avx2", "avx", "sse4_2"].first(where: flags.contains) ?? "none known"
    }

    /// The cores of this host that are on line.
    static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The type of the file system that holds a path, as in mountinfo (proc(5)); the innermost mount counts.
    package static func fileSystem(of path: String) -> String {
        guard let real = realpath(path, nil) else { return "unknown" }
        defer { free(real) }
        let whole = String(cString: real)
        var best = (length: -1, type: "unknown")
        for line in kernelText("/proc/self/mountinfo").split(separator: "\n") {
            let halves = line.components(separatedBy: " - ")
            let fields = halves[0].split(separator: " ")
            guard halves.count == 2, fields.count > 4, let type = halves[1].split(separator: " ").first else {
                continue
            }
            let mount = String(fields[4])
            let holds = mount == "/" || whole == mount || whole.hasPrefix(mount + "/")
            if holds, mount.count >= best.length { best = (mount.count, String(type)) }
        }
        return best.type
    }

    private static func value(of key: String, in file: String, separator: Character) -> String {
        let parts = kernelLine(key, in: file)?.split(separator: separator, maxSplits: 1) ?? []
        return parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    }
}
