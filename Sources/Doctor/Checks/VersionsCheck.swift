import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Kernels

/// The versions of everything.
enum VersionsCheck: Check {
    static let name = "versions"

    static func examine(_ job: Examination) throws -> Finding {
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: &system.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let own = [
            "steadfast \(Product.version)", BLAS.version, "HDF5 \(HDF5Version.linked)", "Linux \(release)",
            ProcessInfo.processInfo.operatingSystemVersionString,
        ].joined(separator: ", ")
        let all = try job.world.allGather(own)
        var finding = Finding()
        job.tell(all).forEach { finding.add($0) }
        if Set(all).count > 1 {
            finding.complain(.warn, "the hosts' software differs: bring them to the same versions")
        }
        return finding
    }
}
