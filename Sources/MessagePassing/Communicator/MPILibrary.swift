internal import COpenMPI
import Essentials
import Foundation

/// The MPI library that this process runs on.
public enum MPILibrary {
    /// The library's own words for its version, on one line: `Open MPI v4.1.4, package: ...` (MPI 3.1, section 8.1.1).
    /// It may be asked for without MPI having been started.
    public static var version: String {
        var length: Int32 = 0
        let bytes = [CChar](unsafeUninitializedCapacity: Int(MPI_MAX_LIBRARY_VERSION_STRING)) { buffer, count in
            count = MPI_Get_library_version(buffer.baseAddress, &length) == MPI_SUCCESS ? Int(length) : 0
        }
        let text = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    /// The parts of Open MPI that carry messages in this process (`pml ob1`, `btl tcp vader`, ...), by the libraries
    /// that it keeps loaded after the start; empty in a process that runs alone, or where they are linked in.
    public static var transports: [String] {
        var found: [String: Set<String>] = [:]
        for line in kernelText("/proc/self/maps").split(separator: "\n") {
            // .../mca_btl_tcp.so
            guard let name = line.split(separator: "/").last, name.hasPrefix("mca_"), name.hasSuffix(".so") else {
                continue
            }
            let parts = name.dropFirst(4).dropLast(3).split(separator: "_", maxSplits: 1)
            guard parts.count == 2, ["pml", "mtl", "btl"].contains(parts[0]) else { continue }
            found[String(parts[0]), default: []].insert(String(parts[1]))
        }
        return ["pml", "mtl", "btl"].compactMap { kind in
            found[kind].map { "\(kind) \($0.sorted().joined(separator: " "))" }
        }
    }
}
