import Essentials
import Foundation
import Kernels

/// The check that all ranks compute the same bits: one build, one kernel set.
enum BuildCheck: Check {
    static let name = "build"

    static func examine(_ job: Examination) throws -> Finding {
        let builds = try job.world.allGather("build \(Product.buildDigest.prefix(12)) for \(Build.instructionSet)")
        let digests = try job.world.allGather(Product.buildDigest)
        let kernels = try job.world.allGather(BLAS.kernel)
        let narrow = try job.world.allGather(isNarrow)
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
        if let rank = narrow.firstIndex(of: true) {
            finding.complain(
                .warn,
                "\(job.name(rank)) has a CPU with AVX-512, but its OpenBLAS computes without: "
                    + (try job.world.broadcast(remedy, from: rank)) + "; training takes up to 1.4 times as long")
        }
        return finding
    }

    /// OpenBLAS's kernel sets that use AVX-512 (its `driver/others/dynamic.c`).
    private static let wideKernels = ["SkylakeX", "Cooperlake", "Sapphirerapids"]

    /// True where OpenBLAS leaves half of this CPU's width unused.
    private static var isNarrow: Bool {
        ProcessFacts.vectors == "avx512f" && !wideKernels.contains { BLAS.kernel.contains("OpenBLAS \($0)") }
    }

    private static var remedy: String {
        let variable = "OPENBLAS_CORETYPE"
        guard let chosen = ProcessInfo.processInfo.environment[variable], !chosen.isEmpty else {
            return "install OpenBLAS 0.3.21 or newer, built with DYNAMIC_ARCH"
        }
        return "unset \(variable), which is \(chosen)"
    }
}
