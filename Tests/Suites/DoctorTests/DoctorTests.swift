import Foundation
import TestSupport
import Testing

import Doctor

@Suite("The doctor", .underMPIRun, .serialized)
struct DoctorTests {
    /// Runs the doctor with no data sets but the built-in one; its JSON object, and what it left.
    private func examine(
        ranks: Int, _ directory: String, environment: [String: String] = [:], _ more: String...
    ) throws -> (json: [String: Any], result: ProgramResult) {
        let file = directory + "/doctor.json"
        let result = try spawnMpirun(
            ranks: ranks, "steadfast",
            arguments: ["doctor", "--run", directory, "--data-directory", directory, "--json", file] + more,
            environment: ["STEADFAST_DATA": directory, "HOME": directory].merging(environment) { $1 }
        ).wait(timeout: 60)
        let data = try #require(FileManager.default.contents(atPath: file), "\(result.errors)")
        return (try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]), result)
    }

    private func check(_ name: String, in json: [String: Any]) throws -> [String: Any] {
        let checks = try #require(json["checks"] as? [[String: Any]])
        return try #require(checks.first { $0["name"] as? String == name }, "no check \(name)")
    }

    @Test("says one page, the same in JSON, and leaves nothing behind", arguments: [1, 2, 4])
    func page(ranks: Int) throws {
        try withTemporaryDirectory { directory in
            let (json, result) = try examine(ranks: ranks, directory)
            #expect(result.status == 0, "\(result.errors)")
            #expect(json["ranks"] as? Int == ranks && json["hosts"] as? Int == 1)
            #expect(try #require(json["seconds"] as? Double) > 0)
            let checks = try #require(json["checks"] as? [[String: Any]])
            #expect(checks.count == 14)
            #expect(result.lines.count < 60)
            for check in checks {
                let verdict = try #require(check["verdict"] as? String)
                let name = try #require(check["name"] as? String)
                #expect(result.lines.contains { $0.hasPrefix(verdict) && $0.contains(name) }, "\(name)")
                // What is not OK says what to do.
                #expect((check["advice"] as? String == "") == (verdict == "OK"), "\(name)")
            }
            // Debian's Open MPI has its transports in plugins.
            #expect(ranks == 1 || result.output.contains("btl "), "\(result.output)")
            #expect(try check("build", in: json)["verdict"] as? String == (isNarrow ? "WARN" : "OK"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["doctor.json"])
        }
    }

    @Test("more ranks than cores, and more threads")
    func crowded() throws {
        try withTemporaryDirectory { directory in
            let ranks = ProcessInfo.processInfo.activeProcessorCount + 1
            let (json, _) = try examine(
                ranks: ranks, directory, environment: ["OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"])
            #expect(try check("binding", in: json)["verdict"] as? String == "WARN")
            let threads = try check("threads", in: json)
            #expect(threads["verdict"] as? String == "WARN")
            #expect((threads["advice"] as? String)?.contains("OPENBLAS_NUM_THREADS=1") == true)
        }
    }

    @Test("OpenBLAS kernels without AVX-512 on a CPU that has it", .enabled(if: hasAVX512))
    func narrowKernels() throws {
        try withTemporaryDirectory { directory in
            let (json, _) = try examine(ranks: 1, directory, environment: ["OPENBLAS_CORETYPE": "Haswell"])
            let build = try check("build", in: json)
            #expect(build["verdict"] as? String == "WARN")
            #expect((build["advice"] as? String)?.contains("unset OPENBLAS_CORETYPE, which is Haswell") == true)
        }
    }

    @Test("damaged data, and a directory that is none, fail with code 69")
    func failures() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory + "/mnist", withIntermediateDirectories: true)
            for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
                try Data("nonsense".utf8).write(to: URL(fileURLWithPath: "\(directory)/mnist/\(name)-ubyte"))
            }
            let (json, result) = try examine(ranks: 2, directory)
            #expect(result.status == 69)
            #expect(result.errors.contains("doctor: FAIL: data"))
            #expect(json["verdict"] as? String == "FAIL")
            let advice = try check("data", in: json)["advice"] as? String
            #expect(advice?.contains("mnist/train-images-idx3-ubyte is no IDX file") == true)
        }
        try withTemporaryDirectory { directory in
            let result = try spawn(
                "steadfast", arguments: ["doctor", "--run", "/proc", "--data-directory", directory]
            ).wait(timeout: 60)
            #expect(result.status == 69 && result.errors.contains("file system"))
        }
    }

    @Test("the type of a file system is the kernel's")
    func fileSystem() {
        #expect(ProcessFacts.fileSystem(of: "/proc") == "proc")
    }
}

private let hasAVX512 = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" avx512f ") == true
/// True where the environment of the tests holds OpenBLAS to narrower kernels than the CPU's.
private let isNarrow = hasAVX512 && ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == "Haswell"
