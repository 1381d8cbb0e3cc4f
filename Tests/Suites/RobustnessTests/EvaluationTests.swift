import Checkpoints
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("Invariant 3: what is recorded of a sample does not depend on how it is evaluated", .underMPIRun, .serialized)
struct EvaluationTests {
    private let attacks =
        "clean,fgs-lmax,fgs-lmax:gradient-mode=batch,nonsense,noise-sign,noise-gaussian,noise-salt-pepper"

    @Test("the same files on 1, 2, 3 and 4 ranks and without mpirun")
    func ranks() throws {
        try withTrainedRun { folder in
            let request = ["--attacks", attacks, "--strengths", "0,0.1,0.3", "--samples", "350"]
            var summaries: Set<[String]> = []
            var tensors: [[String: Tensor]] = []
            for ranks in [0, 1, 2, 3, 4] {
                let output = "\(folder)/\(ranks)"
                let result = try evaluate(folder + "/run", output: output, ranks: ranks, request)
                #expect(result.status == 0, "\(result.errors)")
                summaries.insert(try summary(output))
                tensors.append(try SealedFile.read(output + "/results.h5").tensors)
            }
            #expect(summaries.count == 1)
            #expect(tensors.allSatisfy { $0 == tensors[0] })
        }
    }

    @Test("a sample's record is the same whatever samples are evaluated with it")
    func grouping() throws {
        try withTrainedRun { folder in
            let request = ["--attacks", "clean,fgs-lmax,nonsense,noise-uniform", "--strengths", "0.05,0.2"]
            #expect(try evaluate(folder + "/run", output: folder + "/all", request + ["--samples", "240"]).status == 0)
            let some = try evaluate(
                folder + "/run", output: folder + "/some", request + ["--every", "7", "--samples", "34"])
            #expect(some.status == 0, "\(some.errors)")
            let (all, part) = (
                try SealedFile.read(folder + "/all/results.h5"), try SealedFile.read(folder + "/some/results.h5")
            )
            #expect(part.tensors["samples/index"]?.elements == .int32((0..<34).map { Int32(7 * $0) }))
            for (path, tensor) in part.tensors where path.hasPrefix("attacks/") && tensor.shape.count == 2 {
                guard let whole = all.tensors[path] else {
                    Issue.record("no \(path)")
                    continue
                }
                // [strengths, samples], or [samples, outputs] for the clean outputs.
                let bySample = path.hasSuffix("/output")
                for sample in 0..<34 {
                    let (few, many) = (column(tensor, sample, bySample), column(whole, 7 * sample, bySample))
                    #expect(few == many, "\(path), sample \(sample)")
                }
            }
        }
    }

    /// The raw bytes of one sample's values.
    private func column(_ tensor: Tensor, _ sample: Int, _ bySample: Bool) -> [[UInt8]] {
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        let size = tensor.elements.withUnsafeBytes { $0.count } / (rows * columns)
        let positions =
            bySample ? (0..<columns).map { sample * columns + $0 } : (0..<rows).map { $0 * columns + sample }
        return tensor.elements.withUnsafeBytes { bytes in
            positions.map { Array(bytes[$0 * size..<($0 + 1) * size]) }
        }
    }

    @Test("summary.csv has the header, a row for each attack and strength, one for clean; outcomes add up")
    func contract() throws {
        try withTrainedRun { folder in
            let result = try evaluate(
                folder + "/run", output: folder + "/out", ranks: 2,
                [
                    "--attacks", "clean,fgs-lmax:gradient-mode=batch,nonsense", "--strengths", "0,0.25", "--samples",
                    "120",
                ])
            #expect(result.status == 0, "\(result.errors)")
            let lines = try summary(folder + "/out")
            #expect(
                lines[0] == "checkpoint,dataset,attack,strength,psnr_db,samples,error,wrong,rejected,mean_confidence")
            let rows = lines.dropFirst().map { $0.split(separator: ",").map(String.init) }
            #expect(
                rows.map { "\($0[2]) \($0[3]) \($0[4])" } == [
                    "clean 0 inf", "fgs-lmax:gradient-mode=batch 0 inf", "fgs-lmax:gradient-mode=batch 0.25 12.04",
                    "nonsense 0 inf", "nonsense 0.25 12.04",
                ])
            for row in rows {
                #expect(row[5] == "120")
                let shares = row[6...8].compactMap(Double.init)
                #expect(shares.count == 3 && row[6...8].allSatisfy { $0.split(separator: ".")[1].count == 6 })
                // A rejected image is an error where a nonsense output wins; accepted nonsense is one.
                #expect(abs(row[2] == "nonsense" ? shares[0] - shares[1] : shares[0] - shares[1] - shares[2]) < 2e-6)
            }
            let results = try SealedFile.read(folder + "/out/results.h5")
            #expect(results.tensors["attacks/clean/output"]?.shape == [120, 12])
            #expect(results.tensors["attacks/nonsense/outcome"]?.shape == [2, 120])
            guard case .float32(let distances) = results.tensors["attacks/nonsense/linf"]?.elements else {
                Issue.record("no distances")
                return
            }
            #expect(distances[..<120].allSatisfy { $0 == 0 } && distances[120...].allSatisfy { abs($0 - 0.25) < 1e-6 })
        }
    }

    @Test("each checkpoint is read once, also where an attack is made on the other network")
    func readings() throws {
        try withTrainedRun { folder in
            let networks = ["one", "two"].map { "\(folder)/networks/\($0).h5" }
            try FileManager.default.createDirectory(atPath: folder + "/networks", withIntermediateDirectories: true)
            for network in networks {
                try FileManager.default.copyItem(atPath: folder + "/run/checkpoints/step-00000030.h5", toPath: network)
            }
            /// How often a command opens and closes each file.
            func calls(_ arguments: [String]) throws -> [Int] {
                let trace = "\(folder)/\(arguments[0]).trace"
                let result = try spawn(
                    "steadfast", arguments: arguments,
                    environment: [
                        "LD_PRELOAD": try builtProgram("libFaultInjector.so"), "STEADFAST_FAULT_TRACE": trace,
                        "STEADFAST_FAULT_UNDER": folder + "/networks",
                    ]
                ).wait(timeout: 60)
                #expect(result.status == 0, "\(result.errors)")
                let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
                return networks.map { network in lines.count { $0.hasSuffix(network) } }
            }
            let once = try calls(["inspect", networks[0], "--digest"])[0]
            #expect(once > 0)
            let request = ["--attacks", "clean,transfer", "--strengths", "0.1", "--samples", "20"]
            #expect(try calls(["evaluate"] + networks + request + ["--output", folder + "/out"]) == [once, once])
        }
    }

    @Test("an exported network gives the same records, and holds nothing but the network")
    func exported() throws {
        try withTrainedRun { folder in
            let export = try spawn(
                "steadfast",
                arguments: ["export", folder + "/run", "--format", "checkpoint", "--output", folder + "/network.h5"]
            ).wait(timeout: 30)
            #expect(export.status == 0, "\(export.errors)")
            let checkpoint = try Checkpoint.load(folder + "/network.h5")
            #expect(Set(checkpoint.tensors.keys.map { $0.prefix { $0 != "/" } }) == ["model", "input"])
            let request = ["--attacks", "clean,fgsm", "--strengths", "0.1", "--samples", "60"]
            #expect(try evaluate(folder + "/run", output: folder + "/a", request).status == 0)
            #expect(try evaluate(folder + "/network.h5", output: folder + "/b", request).status == 0)
            #expect(
                try SealedFile.read(folder + "/a/results.h5").tensors
                    == SealedFile.read(folder + "/b/results.h5").tensors)
            let other = try spawn(
                "steadfast",
                arguments: ["export", folder + "/run", "--format", "onxn", "--output", folder + "/x"]
            ).wait(timeout: 30)
            #expect(other.status == 64)
        }
    }
}
