import Foundation
import TestSupport
import Testing

@Suite("Bad input to an evaluation: one sentence, the right exit code, no hang", .underMPIRun, .serialized)
struct EvaluationRefusalTests {
    @Test("of the command line")
    func commandLine() throws {
        try withTrainedRun { folder in
            // What the command line and the checkpoint tell is refused before a folder is made; data are read later.
            let cases: [([String], Int32, [String], makesFolder: Bool)] = [
                (["--attacks", "nonsens"], 64, ["nonsens", "nonsense"], false),
                (["--attacks", "clean,fgs-lmx"], 64, ["fgs-lmx", "fgs-lmax"], false),
                (["--attacks", "nonsens", "--watch"], 64, ["nonsens", "nonsense"], false),
                (["--attacks", "clean", "--watch", "--patience", "1e30"], 64, ["--patience"], false),
                (["--attacks", "clean,clean"], 64, ["twice"], false),
                (["--attacks", "noise-sign", "--strengths", "0.1,1.5"], 64, ["1.5", "[0, 1]"], false),
                (["--attacks", "clean", "--samples", "0"], 64, ["--samples"], false),
                (["--attacks", "fgs-lmax:gradient-mod=batch"], 64, ["gradient-mod", "gradient-mode"], false),
                (["--attacks", "fgs-lmax:gradient-mode=bach"], 64, ["bach", "batch"], false),
                (["--attacks", "clean:steps=3"], 64, ["no parameters"], false),
                (["--attacks", "clean", "--mean", "0.5"], 64, ["--mean", "ONNX", "/run"], false),
                (["--attacks", "clean", "--deviation", "1", "--dry-run"], 64, ["--deviation", "ONNX"], false),
                (["--attacks", "clean", "--patience", "9"], 64, ["--patience", "--watch"], false),
                (["--attacks", "clean", "--split", "validation"], 64, ["validation"], true),
            ]
            for (arguments, status, words, makesFolder) in cases {
                let refused = try evaluate(folder + "/run", output: folder + "/out", ranks: 2, arguments)
                expect(refused, status, words)
                // Nothing was run before the mistake was told.
                #expect(!refused.output.contains("samples in"))
                #expect(makesFolder || !FileManager.default.fileExists(atPath: folder + "/out"), "\(arguments)")
            }
        }
    }

    @Test("of the checkpoint: missing, half copied, a flipped byte, not HDF5, another network's data")
    func checkpoint() throws {
        try withTrainedRun { folder in
            let name = "/run/checkpoints/step-00000030.h5"
            let whole = try Data(contentsOf: URL(fileURLWithPath: folder + name))
            func attempt(_ path: String, _ more: [String] = []) throws -> ProgramResult {
                try evaluate(folder + path, output: folder + "/out", ranks: 2, ["--attacks", "clean"] + more)
            }
            expect(try attempt("/none.h5"), 66, ["none.h5"])
            try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: folder + "/half.h5"))
            expect(try attempt("/half.h5"), 65, ["half.h5"])
            var flipped = whole
            flipped[whole.count / 2] ^= 1
            try flipped.write(to: URL(fileURLWithPath: folder + "/flipped.h5"))
            expect(try attempt("/flipped.h5"), 65, ["flipped.h5"])
            try Data("dataset: glyphs\n".utf8).write(to: URL(fileURLWithPath: folder + "/text.h5"))
            expect(try attempt("/text.h5"), 65, ["text.h5"])
            expect(try attempt("/none.onnx", ["--dataset", "glyphs"]), 66, ["none.onnx"])
            expect(try attempt("/none.onnx"), 64, ["--dataset"])
            expect(try attempt("/none.onnx", ["--dataset", "glyphs", "--best"]), 64, ["--best", "none.onnx"])
            // No folder is made for results that there will not be.
            #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
        }
    }

    /// Writes bars and trains on them for two steps: `run` in the folder. The option that names the data.
    private func trainBars(in folder: String, isSorted: Bool = false) throws -> [String] {
        try writeBarImages(to: folder + "/bars", isSorted: isSorted)
        let recipe = folder + "/bars.yaml"
        try barRecipe("plain", more: "max_steps: 2").write(toFile: recipe, atomically: true, encoding: .utf8)
        let data = ["--data-directory", folder]
        let trained = try spawn("steadfast", arguments: ["train", recipe, "--run", folder + "/run"] + data)
            .wait(timeout: 60)
        #expect(trained.status == 0, "\(trained.errors)")
        return data
    }

    @Test("no test images: one sentence; images sorted by class, steps that are too short: a warning and figures")
    func splits() throws {
        try withTemporaryDirectory { folder in
            let data = try trainBars(in: folder, isSorted: true)
            func attempt(_ output: String, _ more: [String]) throws -> ProgramResult {
                try evaluate(folder + "/run", output: "\(folder)/\(output)", ranks: 2, more + data)
            }
            let sorted = try attempt("sorted", ["--attacks", "clean", "--samples", "20"])
            #expect(
                sorted.status == 0 && sorted.errors.contains("20 images lie sorted by class, 2 of 5"),
                "\(sorted.errors)")
            let weak = try attempt(
                "weak", ["--attacks", "clean, pgd:steps=3:step=0.1", "--strengths", "8/255", "--every", "5"])
            #expect(weak.status == 0 && !weak.errors.contains("sorted"), "\(weak.errors)")
            #expect(weak.errors.contains("warning: attack 'pgd:steps=3:step=0.1': all 3 steps"), "\(weak.errors)")
            #expect(try summary(folder + "/weak").last?.contains(",0.031372549,30.07,12,") == true)
            try writeBarImages(to: folder + "/bars", tests: 0)
            expect(
                try attempt("none", ["--attacks", "clean,nonsense"]), 65,
                ["bars holds no test images", "--split train"])
        }
    }

    @Test("of the data: other classes than the network's, images of another size, no data", arguments: [2, 4])
    func data(ranks: Int) throws {
        try withTemporaryDirectory { folder in
            let data = try trainBars(in: folder)
            func attempt() throws -> ProgramResult {
                try evaluate(folder + "/run", output: folder + "/out", ranks: ranks, ["--attacks", "clean"] + data)
            }
            try writeBarImages(to: folder + "/bars", classes: 4)
            expect(try attempt(), 65, ["4 classes, the network 5"])
            try writeBarImages(to: folder + "/bars", rows: 10)
            expect(try attempt(), 65, ["10x9x3", "12x9x3"])
            try FileManager.default.removeItem(atPath: folder + "/bars")
            expect(try attempt(), 66, ["bars"])
        }
    }
}
