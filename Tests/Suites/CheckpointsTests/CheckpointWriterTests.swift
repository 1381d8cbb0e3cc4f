import Foundation
import TestSupport
import Testing

import Checkpoints

@Suite("Checkpoints written beside the training")
struct CheckpointWriterTests {
    @Test("what is taken is whole on the disk, and `latest` names it")
    func writes() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder + "/run", resume: false)
            let writer = CheckpointWriter(run, keep: 2)
            #expect(try writer.take(waiting: true) == nil)
            for step in [10, 20, 30] {
                writer.start(sampleCheckpoint(step: step), isBest: step == 10)
                let saved = try #require(try writer.take(waiting: true))
                #expect(saved.step == step && saved.isBest == (step == 10))
                #expect(try run.latestValid()?.checkpoint.header.step == step)
                #expect(try writer.take(waiting: true) == nil)
            }
            #expect(FileManager.default.fileExists(atPath: run.checkpointsPath + "/step-00000010.h5"))
        }
    }

    @Test("without waiting it comes as soon as it is there")
    func polls() throws {
        try withTemporaryDirectory { folder in
            let writer = CheckpointWriter(try RunDirectory(folder + "/run", resume: false), keep: 1)
            writer.start(sampleCheckpoint(step: 5), isBest: false)
            var saved: CheckpointWriter.Saved?
            let end = Date.now + 20
            while saved == nil && Date.now < end { saved = try writer.take(waiting: false) }
            #expect(saved?.step == 5)
        }
    }

    @Test("an error comes with the next take, once, and what stood before stands")
    func fails() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder + "/run", resume: false)
            let writer = CheckpointWriter(run, keep: 1)
            writer.start(sampleCheckpoint(step: 1), isBest: false)
            #expect(try writer.take(waiting: true)?.step == 1)
            // A folder stands where the next file would go.
            let path = run.checkpointsPath + "/step-00000002.h5"
            try FileManager.default.createDirectory(atPath: path + "/x", withIntermediateDirectories: true)
            writer.start(sampleCheckpoint(step: 2), isBest: false)
            let refused = try failure { _ = try writer.take(waiting: true) }
            #expect(refused.code == .inputOutput && refused.message.contains("step-00000002.h5"))
            #expect(try writer.take(waiting: true) == nil)
            writer.start(sampleCheckpoint(step: 3), isBest: false)
            #expect(try writer.take(waiting: true)?.step == 3)
        }
    }
}
