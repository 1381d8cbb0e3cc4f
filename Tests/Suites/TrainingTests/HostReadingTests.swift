import Foundation
import TestSupport
import Testing

@Suite("The files of a data set", .underMPIRun)
struct HostReadingTests {
    @Test("are read by one rank of a host for all, validation images too; damage is told once")
    func oneReader() throws {
        try withTemporaryDirectory { folder in
            let data = folder + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let made = try spawn("steadfast", arguments: ["data", "make", "glyphs", "--data-directory", data]).wait()
            #expect(made.status == 0, "\(made.errors)")
            try FileManager.default.moveItem(atPath: data + "/glyphs", toPath: data + "/letters")

            func words(_ run: String, _ directory: String) -> [String] {
                [
                    "train", "glyphs-plain", "--set", "dataset=letters", "--set", "epochs=1", "--set", "batch=250",
                    "--set", "validation=500", "--run", run, "--data-directory", directory, "--quiet",
                ]
            }
            let alone = try spawn("steadfast", arguments: words(folder + "/alone", data)).wait()
            #expect(alone.status == 0, "\(alone.errors)")
            // Ranks 1 and 2 could not read anything themselves.
            func together(_ run: String) throws -> ProgramResult {
                try spawnMpirun(
                    ranks: 1, "steadfast",
                    arguments: words(run, data) + [":", "-n", "2", try builtProgram("steadfast")] + words(run, "/none")
                ).wait()
            }
            let result = try together(folder + "/together")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try digest(ofRun: folder + "/alone") == digest(ofRun: folder + "/together"))
            let errors = try ["alone", "together"].map {
                try metrics(ofRun: "\(folder)/\($0)").compactMap { $0["validation_error"] as? Double }
            }
            #expect(errors[0].count == 1 && errors[0] == errors[1])

            let labels = URL(fileURLWithPath: data + "/letters/train-labels-idx1-ubyte")
            try Data(contentsOf: labels).dropLast().write(to: labels)
            let damaged = try together(folder + "/damaged")
            #expect(damaged.status == 65)
            #expect(damaged.errors.components(separatedBy: "is truncated").count == 2, "\(damaged.errors)")
            // The only reader is no one of several.
            #expect(!damaged.errors.contains("(rank 0 on"))
        }
    }
}
