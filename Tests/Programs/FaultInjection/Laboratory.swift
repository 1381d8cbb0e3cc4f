import Checkpoints
import Datasets
import Essentials
import Foundation
import TestSupport

/// Where jobs are started: a folder with a small data set, and what an undisturbed job does.
final class Laboratory {
    /// A job's time on 1, 2, 3 and 4 ranks, in seconds.
    private(set) var seconds: [Double] = []
    /// The digest that every run ends with.
    private(set) var digest = ""
    /// The calls of rank 0, by name.
    private(set) var calls: [String: Int] = [:]
    /// The numbers of one rank's calls, as `system` counts them, from a checkpoint's first to the next checkpoint's.
    private(set) var checkpointCalls: [Int] = []
    private let folder: String

    /// Makes the data set and trains on 1 to 4 ranks.
    ///
    /// - Throws: `Failure` 70 where a job fails or the runs differ.
    init() throws {
        folder = URL(fileURLWithPath: try TemporaryFile.makeFolder()).resolvingSymlinksInPath().path
        try FileManager.default.makeDirectory(folder + "/data/few")
        try Self.writeImages(.train, count: 500, to: folder + "/data/few/train")
        try Self.writeImages(.test, count: 50, to: folder + "/data/few/t10k")
        for ranks in 1...4 {
            let run = try self.run("undisturbed-\(ranks)")
            let counts = run + "-calls"
            let trace = run + "-trace"
            let job = try start(
                run, ranks: ranks, environment: ["STEADFAST_FAULT_CALLS": counts, "STEADFAST_FAULT_TRACE": trace])
            let result = try job.wait(timeout: 120)
            guard result.status == 0 else { throw Failure(.software, "an undisturbed job fails: \(result.errors)") }
            seconds.append(result.seconds)
            let digest = try Self.digest(of: run)
            guard self.digest == "" || self.digest == digest else {
                throw Failure(.software, "\(ranks) ranks end with other bits than 1")
            }
            self.digest = digest
            for line in try String(contentsOfFile: counts, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                calls[String(words[0])] = Int(words[1])
            }
            if ranks == 1 { checkpointCalls = try Self.life(ofCheckpoint: 10, until: 15, trace: trace) }
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The path of a new run in a new folder.
    func run(_ name: String) throws -> String {
        try FileManager.default.makeDirectory("\(folder)/\(name)")
        return "\(folder)/\(name)/run"
    }

    /// Starts a job of two epochs with a validation split, that saves at every fifth step, on small images.
    func start(
        _ run: String, ranks: Int, resume: Bool = false, stallTimeout: Double = 0, environment: [String: String] = [:],
        through: [String] = []
    ) throws -> RunningProgram {
        let settings = [
            "dataset=few", "epochs=2", "batch=16", "validation=100", "network.architecture=custom",
            "network.layers=\(Self.layers)",
            "mean_training.samples=20", "mean_training.noise_samples=20", "checkpoint.every_steps=5",
            "stall_timeout=\(stallTimeout)",
        ]
        let injector = try builtProgram("libFaultInjector.so")
        return try spawnMpirun(
            ranks: ranks, "steadfast",
            arguments: ["train", "glyphs-mrelu-r-m", "--run", run, "--data-directory", folder + "/data"]
                + settings.flatMap { ["--set", $0] } + (resume ? ["--resume"] : []),
            environment: ["LD_PRELOAD": injector, "STEADFAST_FAULT_UNDER": run].merging(environment) { $1 },
            through: through)
    }

    private static func life(ofCheckpoint step: Int, until next: Int, trace: String) throws -> [Int] {
        let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
        let starts = [step, next].map { step in lines.firstIndex { $0.contains(RunLayout.checkpoint(step: step)) } }
        guard let first = starts[0], let end = starts[1] else {
            throw Failure(.software, "an undisturbed job writes no checkpoint of step \(step) or \(next)")
        }
        return lines[first..<end].compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    }

    /// A small network, so that checkpoints are written fast.
    private static let layers =
        "[{convolution: {channels: 4, size: 5}}, {activation: relu}, {pooling: {kind: max, size: 4}}, "
        + "{fully_connected: {channels: 12}}, {activation: relu}, {fully_connected: {channels: 10}}]"

    /// The digest over a run's newest checkpoint.
    static func digest(of run: String) throws -> String {
        try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)).trainingDigest
    }

    private static func writeImages(_ split: Split, count: Int, to prefix: String) throws {
        let images = try Dataset.locate("glyphs").read(split) { $0 < count }
        let side = UInt8(images.shape.height)
        let dimensions = [UInt8(0), 0, UInt8(count >> 8), UInt8(count & 255)]
        try AtomicFile.write(
            [0, 0, 8, 3] + dimensions + [0, 0, 0, side, 0, 0, 0, side] + images.pixels,
            to: prefix + "-images-idx3-ubyte")
        try AtomicFile.write([0, 0, 8, 1] + dimensions + images.labels, to: prefix + "-labels-idx1-ubyte")
    }
}
