import Essentials
import Foundation
import Kernels

/// The CPU that the command runs on.
enum CPU {
    /// Refuses a CPU that lacks the instructions that the numeric code was built for, before any of it runs.
    ///
    /// - Throws: `Failure` 69.
    static func requireInstructionSet() throws {
        let needed: [String]
        switch Build.instructionSet {
        case "x86-64-v4": needed = ["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "avx2", "fma", "bmi2"]
        case "x86-64-v3": needed = ["avx2", "fma", "bmi2", "f16c"]
        default: return
        }
        // Where the kernel does not list them nothing can be said.
        guard let line = kernelLine("flags", in: "/proc/cpuinfo") else { return }
        let flags = Set(line.split(separator: " ").map(String.init))
        let missing = needed.filter { !flags.contains($0) }
        guard missing.isEmpty else {
            throw Failure(
                .unavailable,
                "this build is for \(Build.instructionSet) and this CPU lacks \(missing.joined(separator: ", ")): run "
                    + "cluster/build on this machine")
        }
    }
}
