import Checkpoints
import Foundation
import HDF5Files
import Robustness
import TestSupport
import Testing

@Suite("Evaluation on another set than the network was trained on", .underMPIRun, .serialized)
struct OtherSetTests {
    /// A .npy file of bytes.
    private func npy(_ shape: [Int], _ bytes: [UInt8]) -> Data {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(extents)), }\n"
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8) + bytes)
    }

    private func write(_ folder: String, labels: [UInt8]) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (place, name) in ["blur", "fog"].enumerated() {
            let pixels = (0..<10 * 784).map { UInt8(truncatingIfNeeded: ($0 + 100 * place) * 37 % 256) }
            try npy([10, 28, 28, 1], pixels).write(to: URL(fileURLWithPath: "\(folder)/\(name).npy"))
        }
        try npy([2], labels).write(to: URL(fileURLWithPath: folder + "/labels.npy"))
    }

    @Test("goes part by part, each with rows of its own, and resumes; labels beyond the network's are refused")
    func parts() throws {
        try withTrainedRun { folder in
            try write(folder + "/Glyphs-C", labels: [3, 9])
            let arguments = ["--attacks", "clean,fgs-lmax", "--strengths", "0.1", "--dataset", folder + "/Glyphs-C"]
            let first = try evaluate(folder + "/run", output: folder + "/out", ranks: 2, arguments)
            #expect(first.status == 0, "\(first.errors)")
            let lines = try summary(folder + "/out")
            let names = ["blur", "fog"].flatMap { name in (1...5).map { "Glyphs-C/\(name)/\($0)" } }
            #expect(
                lines.dropFirst().map { $0.split(separator: ",")[1...3].joined(separator: ",") }
                    == names.flatMap { ["\($0),clean,0", "\($0),fgs-lmax,0.1"] })
            for name in names {
                let part = folder + "/out/" + name.replacingOccurrences(of: "/", with: "_")
                #expect(FileManager.default.fileExists(atPath: part + "/results.h5"))
                #expect(FileManager.default.fileExists(atPath: part + "/classes.csv"))
                let locator = "\(folder)/Glyphs-C:part=" + name.dropFirst("Glyphs-C/".count)
                #expect(
                    DatasetPlace(try SealedFile.read(part + "/results.h5").rootAttributes)
                        == DatasetPlace(locator: locator))
            }
            let again = try evaluate(folder + "/run", output: folder + "/out", arguments + ["--resume"])
            #expect(again.status == 0, "\(again.errors)")
            #expect(try summary(folder + "/out") == lines)
            let one = try evaluate(
                folder + "/run", output: folder + "/one", ranks: 2,
                ["--attacks", "clean", "--dataset", folder + "/Glyphs-C:part=fog/2"])
            #expect(one.status == 0, "\(one.errors)")
            #expect(try summary(folder + "/one")[1] == lines.first { $0.contains("fog/2,clean") })
            let untrained = try evaluate(
                folder + "/run", output: folder + "/untrained",
                ["--attacks", "clean", "--split", "train", "--dataset", folder + "/Glyphs-C:part=fog/2"])
            let words = "holds no training images: evaluate on --split test"
            #expect(untrained.status == 65 && untrained.errors.contains(words), "\(untrained.errors)")
            try write(folder + "/more", labels: [3, 10])
            let refused = try evaluate(
                folder + "/run", output: folder + "/more-out", ranks: 2,
                ["--attacks", "clean", "--dataset", folder + "/more"])
            #expect(refused.status == 65)
            for words in ["more/blur/1", "labels up to 10", "10 classes"] {
                #expect(refused.errors.contains(words), "\(refused.errors)")
            }
        }
    }

    @Test("takes classes by their names: some of the network's get its labels, others are refused")
    func classNames() throws {
        try withTrainedRun { folder in
            func write(_ set: String, _ classes: [String]) throws {
                for name in classes {
                    let path = "\(folder)/\(set)/\(name)"
                    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                    for i in 0..<2 {
                        let pixels = [UInt8](repeating: UInt8(100 * i), count: 784)
                        try Data(PNG.file(28, 28, kind: 0, pixels)).write(to: URL(fileURLWithPath: "\(path)/\(i).png"))
                    }
                }
            }
            func attempt(_ network: String, _ set: String, _ output: String) throws -> ProgramResult {
                try evaluate(
                    folder + network, output: folder + output,
                    ["--attacks", "clean", "--split", "train", "--dataset", folder + set])
            }
            try write("numbers", ["3", "9"])
            let numbers = try attempt("/run", "/numbers", "/a")
            #expect(numbers.status == 0, "\(numbers.errors)")
            #expect(
                try SealedFile.read(folder + "/a/results.h5").tensors["samples/label"]?.elements
                    == .int16([3, 3, 9, 9]))
            var network = try Checkpoint.load(folder + "/run/checkpoints/step-00000030.h5")
            network.header.classNames = ["ape", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "jay", "kid"]
            try network.save(to: folder + "/named.h5")
            try write("some", ["dog", "eel"])
            let some = try attempt("/named.h5", "/some", "/b")
            #expect(some.status == 0, "\(some.errors)")
            let results = try SealedFile.read(folder + "/b/results.h5")
            #expect(results.tensors["samples/label"]?.elements == .int16([3, 3, 4, 4]))
            #expect(ClassNames.read(results.rootAttributes) == network.header.classNames)
            try write("others", ["dog", "yak", "zebu"])
            let others = try attempt("/named.h5", "/others", "/c")
            #expect(others.status == 65)
            for words in ["/others has classes", "has not, yak, zebu;", "are ape, bee, cat"] {
                #expect(others.errors.contains(words), "\(others.errors)")
            }
        }
    }
}
