import Checkpoints
import Essentials
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("A run directory")
struct RunDirectoryTests {
    @Test("is made where it is absent, and with --resume begins at step 0")
    func absent() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder + "/a/b", resume: true)
            #expect(try run.latestValid() == nil)
            #expect(try run.recipe() == nil)
            #expect(try failure { _ = try RunDirectory.latestCheckpoint(in: folder + "/a/b") }.code == .noInput)
            #expect(throws: Never.self) { try RunDirectory(folder + "/c", resume: false) }
        }
    }

    @Test("goes again unused, with the folders above it that it made and that hold nothing else")
    func unused() throws {
        try withTemporaryDirectory { folder in
            func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + name) }
            try RunDirectory(folder + "/a/b", resume: false).removeIfUnused()
            #expect(!isThere("/a") && isThere(""))
            let run = try RunDirectory(folder + "/c/d/e", resume: false)
            try write([1], to: folder + "/c/other")
            run.removeIfUnused()
            #expect(!isThere("/c/d") && isThere("/c/other"))
            // A directory that was there stays.
            try RunDirectory(folder + "/c", resume: false).removeIfUnused()
            #expect(isThere("/c/other"))
            // What cannot be made leaves nothing of its beginning behind.
            let deep = folder + "/f/" + String(repeating: "n", count: 300)
            #expect(try failure { _ = try RunDirectory(deep, resume: false) }.code == .cannotCreate)
            #expect(!isThere("/f"))
        }
    }

    @Test("that holds a recipe or a checkpoint is refused without --resume")
    func holdsRun() throws {
        try withTemporaryDirectory { folder in
            try RunDirectory(folder + "/a", resume: false).writeRecipe("seed: 1\n")
            let refused = try failure { _ = try RunDirectory(folder + "/a", resume: false) }
            #expect(refused.code == .cannotCreate && refused.message.contains("--resume"))
            #expect(try RunDirectory(folder + "/a", resume: true).recipe() == "seed: 1\n")
            try RunDirectory(folder + "/b", resume: false).save(sampleCheckpoint(), keep: 1)
            #expect(try failure { _ = try RunDirectory(folder + "/b", resume: false) }.code == .cannotCreate)
        }
    }

    @Test("that is a file is refused")
    func file() throws {
        try withTemporaryDirectory { folder in
            try write([1], to: folder + "/file")
            let refused = try failure { _ = try RunDirectory(folder + "/file", resume: true) }
            #expect(refused.code == .cannotCreate && refused.message.contains("not a directory"))
        }
    }

    @Test("keeps the newest checkpoints and the best, and names the newest")
    func retention() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder, resume: false)
            for step in 1...6 { try run.save(sampleCheckpoint(step: step * 100), keep: 2, isBest: step == 3) }
            let names = try FileManager.default.contentsOfDirectory(atPath: run.checkpointsPath).sorted()
            #expect(
                names == [
                    "best", "latest", "step-00000300.h5", "step-00000500.h5", "step-00000600.h5",
                ])
            #expect(try bytes(of: run.checkpointsPath + "/latest") == Array("step-00000600.h5\n".utf8))
            #expect(try bytes(of: run.checkpointsPath + "/best") == Array("step-00000300.h5\n".utf8))
            #expect(try run.latestValid()?.checkpoint.header.step == 600)
            #expect(try run.latestValid()?.warnings == [])
            #expect(try RunDirectory.latestCheckpoint(in: folder) == folder + "/checkpoints/step-00000600.h5")
            #expect(RunLayout.checkpoint(step: 123_456_789) == "step-123456789.h5")
        }
    }

    @Test("resumes from the newest whole checkpoint and says what it passed over")
    func fallback() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder, resume: false)
            for step in [100, 200, 300] { try run.save(sampleCheckpoint(step: step), keep: 3) }
            let newest = run.checkpointsPath + "/step-00000300.h5"
            var damaged = try bytes(of: newest)
            damaged[damaged.count / 2] ^= 1
            try write(damaged, to: newest)
            let point = try #require(try run.latestValid())
            #expect(point.checkpoint.header.step == 200)
            #expect(point.warnings.contains { $0.contains(newest) })

            unlink(newest)
            #expect(try run.latestValid()?.checkpoint.header.step == 200)
            #expect(try run.latestValid()?.warnings.isEmpty == false)
            unlink(run.checkpointsPath + "/latest")
            #expect(try run.latestValid()?.checkpoint.header.step == 200)
            for text in ["", "step-00000200.h5", "../../secret\n", "step-1.h5\n"] {
                try write(Array(text.utf8), to: run.checkpointsPath + "/latest")
                let point = try #require(try run.latestValid())
                #expect(point.checkpoint.header.step == 200)
                #expect(point.warnings.contains { $0.contains("latest is damaged") })
            }

            for name in ["step-00000100.h5", "step-00000200.h5"] {
                try write([1, 2, 3], to: run.checkpointsPath + "/" + name)
            }
            let none = try failure { _ = try run.latestValid() }
            #expect(none.code == .data && none.message.contains("step-00000100.h5"))
        }
    }

    @Test("takes a checkpoint under another step's name for damaged")
    func renamed() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder, resume: false)
            try run.save(sampleCheckpoint(step: 100), keep: 3)
            try run.save(sampleCheckpoint(step: 200), keep: 3)
            let names = [100, 200].map { run.checkpointsPath + "/" + RunLayout.checkpoint(step: $0) }
            try write(try bytes(of: names[0]), to: names[1])
            #expect(try run.latestValid()?.checkpoint.header.step == 100)
        }
    }

    @Test("does not take the file of a later step, left from before a fallback, for one of the newest")
    func laterSteps() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder, resume: false)
            for step in [100, 200, 300] { try run.save(sampleCheckpoint(step: step), keep: 3) }
            try write([1], to: run.checkpointsPath + "/step-00000300.h5")
            try run.save(sampleCheckpoint(step: 210), keep: 1)
            #expect(try run.latestValid()?.checkpoint.header.step == 210)
            let names = try FileManager.default.contentsOfDirectory(atPath: run.checkpointsPath).sorted()
            #expect(names == ["latest", "step-00000210.h5", "step-00000300.h5"])
        }
    }

    @Test("is cleared of the temporary files of a killed job when it is opened")
    func temporaries() throws {
        try withTemporaryDirectory { folder in
            try RunDirectory(folder, resume: false).save(sampleCheckpoint(), keep: 1)
            let left = [
                "/recipe.yaml.partial-abc", "/checkpoints/step-00000002.h5.partial-1", "/checkpoints/latest.partial-z",
            ]
            for name in left { try write([1], to: folder + name) }
            _ = try RunDirectory(folder, resume: true)
            for name in left { #expect(access(folder + name, F_OK) != 0) }
            #expect(access(folder + "/checkpoints/step-00001200.h5", F_OK) == 0)
        }
    }

    @Test("appends whole lines of metrics, and cuts off one that a killed job left torn")
    func metrics() throws {
        try withTemporaryDirectory { folder in
            let file = folder + "/metrics.jsonl"
            do {
                let run = try RunDirectory(folder, resume: false)
                try run.append("{\"step\":1}")
                try run.append("{\"step\":2}")
            }
            let long = Array("{\"text\":\"".utf8) + [UInt8](repeating: 0x61, count: 10_000)
            try write(try bytes(of: file) + long, to: file)
            try RunDirectory(folder, resume: true).append("{\"step\":3}")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n")
            try write(long, to: file)
            _ = try RunDirectory(folder, resume: true)
            #expect(try bytes(of: file) == [])
        }
    }

    @Test("is not writable by everybody, and its files follow the umask")
    func permissions() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder + "/run", resume: false)
            try run.append("{}")
            try run.writeRecipe("a: 1\n")
            for name in ["", "/checkpoints", "/lock", "/metrics.jsonl", "/recipe.yaml"] {
                var status = stat()
                #expect(stat(folder + "/run" + name, &status) == 0)
                #expect(status.st_mode & S_IWOTH == 0, "\(name)")
            }
        }
    }

    @Test(
        "on a full disk loses nothing, and says which file did not fit",
        .enabled(if: SmallFileSystem.isAllowed, "only root may mount a file system"))
    func fullDisk() throws {
        try withSmallFileSystem(kilobytes: 200) { folder in
            let run = try RunDirectory(folder + "/run", resume: false)
            try run.save(sampleCheckpoint(step: 1), keep: 3)
            try run.append("{\"step\":1}")
            var large = sampleCheckpoint(step: 2)
            var state: UInt32 = 1
            let noise = (0..<200_000).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(state >> 24)
            }
            large.tensors["state/noise"] = Tensor(shape: [200_000], elements: .uint8(noise))
            let full = try failure { try run.save(large, keep: 3) }
            #expect(full.code == .inputOutput && full.message.contains("step-00000002.h5"), "\(full)")
            let names = try FileManager.default.contentsOfDirectory(atPath: run.checkpointsPath).sorted()
            #expect(names == ["latest", "step-00000001.h5"])
            #expect(try run.latestValid()?.checkpoint.header.step == 1)

            try write(noise.prefix(150_000).map { $0 }, to: folder + "/filler")
            var lines = 1
            var failed: Failure?
            while failed == nil && lines < 1_000 {
                do {
                    try run.append("{\"padding\":\"\(String(repeating: "x", count: 999))\"}")
                    lines += 1
                } catch let failure as Failure { failed = failure }
            }
            #expect(failed?.code == .inputOutput && failed?.message.contains("metrics.jsonl") == true)
            let text = try String(contentsOfFile: folder + "/run/metrics.jsonl", encoding: .utf8)
            #expect(text.hasSuffix("\n") && text.split(separator: "\n").count == lines)
        }
    }

    @Test(
        "a line of metrics that did not fit comes before the next one",
        .enabled(if: SmallFileSystem.isAllowed, "only root may mount a file system"))
    func lineAfterLine() throws {
        try withSmallFileSystem(kilobytes: 200) { folder in
            let run = try RunDirectory(folder + "/run", resume: false)
            try run.append("{\"step\":1}")
            // The file ends at the end of a page, so that not one byte more fits.
            try run.append("{\"padding\":\"\(String(repeating: "x", count: 4096 - 11 - 15))\"}")
            while (try? write([UInt8](repeating: 0, count: 4096), to: "\(folder)/\(UUID().uuidString)")) != nil {}
            #expect(try failure { try run.append("{\"step\":2}") }.code == .inputOutput)
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name != "run" {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
            try run.append("{\"step\":3}")
            let lines = try String(contentsOfFile: folder + "/run/metrics.jsonl", encoding: .utf8).split(
                separator: "\n")
            #expect(lines.filter { $0.contains("step") } == ["{\"step\":1}", "{\"step\":2}", "{\"step\":3}"])
        }
    }

    @Test(
        "that is read-only is refused with its path",
        .enabled(if: SmallFileSystem.isAllowed, "only root may mount a file system"))
    func readOnly() throws {
        try withSmallFileSystem(kilobytes: 200) { folder in
            try RunDirectory(folder + "/run", resume: false).save(sampleCheckpoint(step: 1), keep: 3)
            #expect(try output(of: "mount", ["-o", "remount,ro", folder])?.status == 0)
            let file = folder + "/run/checkpoints/step-00000002.h5"
            let save = try failure { try sampleCheckpoint(step: 2).save(to: file) }
            #expect(save.code == .cannotCreate && save.message.contains(file), "\(save)")
            for run in [folder + "/run", folder + "/other"] {
                let open = try failure { _ = try RunDirectory(run, resume: true) }
                #expect(open.code == .cannotCreate && open.message.contains(run), "\(open)")
            }
        }
    }
}
