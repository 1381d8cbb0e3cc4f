import Essentials
import Kernels

/// Whether all ranks compute the same bits: one build, one kernel set.
enum BuildCheck: Check {
    static let name = "build"

    static func examine(_ job: Examination) throws -> Finding {
        let builds = try job.world.allGather("build \(Product.buildDigest.prefix(12)) for \(Build.instructionSet)")
        let digests = try job.world.allGather(Product.buildDigest)
        let kernels = try job.world.allGather(BLAS.kernel)
        var finding = Finding()
        job.tell(builds).forEach { finding.add($0) }
        job.tell(kernels).forEach { finding.add($0) }
        if Set(digests).count > 1 {
            finding.complain(.fail, "the hosts have different builds: copy one build to all, or share its directory")
        }
        if Set(kernels).count > 1 {
            finding.complain(
                .fail,
                "the hosts' BLAS kernels differ, and so would the bits: use hosts of one CPU type, or set "
                    + "OPENBLAS_CORETYPE and LIBXSMM_TARGET to what all of them have")
        }
        return finding
    }
}
