import Checkpoints
import Essentials
import Foundation
import MessagePassing
import Recipes
import Training

/// An estimate of a training by its recipe and a measurement of seconds: steps, images, memory, files and time, on the
/// ranks that measure and on other numbers of them.
public struct TrainingForecast {
    /// The facts that need no measurement.
    public let outlook: TrainingOutlook
    /// The steps that are left to do.
    public let steps: Int
    /// The seconds of the whole training on these ranks.
    public let seconds: Double
    /// The most memory that a rank held, in bytes, a checkpoint's writing included.
    public let memory: Double
    /// The seconds of the evaluation of the network that comes out; 0 where none was asked for.
    public let evaluation: Double
    private let ranks: Int
    private let reading: Double
    private let validation: Double
    private let checkpoint: (bytes: Int, seconds: Double)
    private let projection: Projection
    private let isAssumed: Bool

    /// Measures. Collective: every rank of the communicator calls this. Nothing is left on the disk.
    ///
    /// - Parameters:
    ///   - recipe: the recipe to train.
    ///   - done: the steps that a run has saved already.
    ///   - seconds: about how long to time steps.
    ///   - evaluation: given a checkpoint of the network as the timed steps left it, estimates the seconds of its
    ///     evaluation; collective.
    /// - Throws: `Failure` as `Trainer` does.
    public init(
        _ recipe: Recipe, done: Int = 0, seconds budget: Double = 8, communicator: Communicator,
        evaluation: ((_ checkpoint: String) throws -> Double)? = nil
    ) throws {
        let folder = try communicator.agree { try TemporaryFile.makeFolder() }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try communicator.agree { () throws -> RunDirectory? in
            // Steps are recorded as those of a run, which takes time and memory.
            return communicator.rank == 0 ? try RunDirectory(folder + "/run", resume: false) : nil
        }
        let start = ContinuousClock.now
        ranks = communicator.worldSize
        let trainer = try Trainer(
            recipe, communicator: communicator, run: run, resume: false, showProgress: false)
        reading = Essentials.seconds(since: start)
        let outlook = try communicator.agree { try TrainingOutlook(trainer.recipe, ranks: communicator.worldSize) }
        self.outlook = outlook
        let times = try trainer.timeSteps(seconds: budget * 0.8, detailed: false)
        let detailed = try trainer.timeSteps(seconds: budget * 0.2, detailed: true)
        validation = try trainer.timeValidation()
        let checkpoint = try communicator.agree { () throws -> (path: String, bytes: Int, seconds: Double) in
            communicator.rank == 0 ? try trainer.timeCheckpoint(in: folder + "/saved") : ("", 0, 0)
        }
        self.checkpoint = (checkpoint.bytes, checkpoint.seconds)
        memory = try communicator.allReduce(Double(HostMemory.peak), .max)
        self.evaluation =
            try evaluation.map { try $0(try Self.share(checkpoint.path, in: folder, by: communicator)) } ?? 0
        isAssumed = communicator.worldSize == 1
        let network =
            isAssumed ? NetworkModel.tenGigabit : try CollectiveBenchmark.network(communicator, seconds: 1)
        projection = Projection(trainer, times, detailed, network: network)

        steps = max(0, outlook.steps - done)
        let images = Double(steps) * Double(outlook.samplesPerEpoch) / Double(outlook.stepsPerEpoch)
        // A pass forward costs about a third of a step.
        let moments = Double(outlook.momentImages) / 3 * Double(steps / outlook.stepsPerEpoch)
        let epochs = (Double(steps) / Double(outlook.stepsPerEpoch)).rounded(.up)
        self.seconds =
            reading + (images + moments) * times.seconds / Double(max(1, times.images)) + epochs * validation
            + Double(Self.checkpoints(outlook, steps)) * checkpoint.seconds
    }

    /// A file of rank 0 on each rank, which may be on another host. Collective.
    ///
    /// - Returns: its path there.
    private static func share(_ file: String, in folder: String, by communicator: Communicator) throws -> String {
        let bytes = try communicator.broadcast(
            try communicator.agree {
                communicator.rank == 0 ? [UInt8](try Data(contentsOf: URL(fileURLWithPath: file))) : []
            })
        guard communicator.rank != 0 else { return file }
        let path = folder + "/checkpoint.h5"
        try communicator.agree { try AtomicFile.write(bytes, to: path) }
        return path
    }

    /// The checkpoints of so many steps.
    private static func checkpoints(_ outlook: TrainingOutlook, _ steps: Int) -> Int {
        let every = outlook.recipe.checkpoint.everySteps ?? outlook.stepsPerEpoch
        return (steps + every - 1) / every
    }

    /// The checkpoints that are written, and the bytes of those that stay, the best one included.
    public var files: (written: Int, bytes: Int) {
        let written = Self.checkpoints(outlook, steps)
        let kept = min(written, outlook.recipe.checkpoint.keep + (outlook.recipe.validation > 0 ? 1 : 0))
        return (written, kept * checkpoint.bytes)
    }

    /// The seconds of the whole training on another number of ranks, each on a core of its own, one host each.
    public func seconds(ranks other: Int) -> Double {
        guard steps > 0 else { return reading }
        let batch = outlook.recipe.batch
        let change = projection.seconds(ranks: other, batch: batch) / projection.seconds(ranks: ranks, batch: batch)
        let judged = (Double(steps) / Double(outlook.stepsPerEpoch)).rounded(.up) * validation
        let saved = Double(files.written) * checkpoint.seconds
        return reading + (seconds - reading - judged - saved) * change + judged * Double(ranks) / Double(other) + saved
    }

    /// The memory of a rank, of so many on one host, in bytes; what they share is counted for each.
    public func memory(ranks other: Int) -> Double {
        memory + outlook.memory(ranks: other).resident - outlook.memory(ranks: ranks).resident
    }

    /// The lines for people.
    public var lines: [String] {
        let (recipe, dataset) = (outlook.recipe, outlook.dataset)
        let drawn = recipe.meanTraining?.drawnSamples ?? 0
        let counts = sequence(first: 1) { $0 * 2 <= recipe.lanes ? $0 * 2 : nil }
        let network =
            isAssumed
            ? "assumed: 10 Gbit/s, 25 us"
            : "measured: \(fixed(projection.network.bandwidth * 1e-6, 0)) MB/s, "
                + "\(fixed(projection.network.latency * 1e6, 1)) us"
        return [
            "data      \(dataset.name), \(dataset.trainCount - recipe.validation) training images"
                + (drawn > 0 ? " and \(drawn) drawn samples" : "") + " an epoch, \(recipe.validation) for validation",
            "steps     \(steps): \(outlook.stepsPerEpoch) an epoch, batch \(recipe.batch) in \(recipe.lanes) lanes",
            "memory    \(megabytes(memory)) a rank",
            "files     \(counted(files.written, "checkpoint")) of \(megabytes(Double(checkpoint.bytes))), "
                + "\(megabytes(Double(files.bytes))) stay",
            "time      \(durationText(seconds)) on \(counted(ranks, "rank")) here, \(fixed(reading, 1)) s "
                + "of it reading",
            "ranks     time        MB a rank   (a core each, a host each; network \(network))",
        ]
            + counts.map { count in
                "\(count)".padded(10) + durationText(seconds(ranks: count)).padded(12)
                    + fixed(memory(ranks: count) / 1e6, 0)
            }
    }

    private func megabytes(_ bytes: Double) -> String { "\(fixed(bytes / 1e6, 1)) MB" }
}

/// `12.3 s`, `4 min 20 s`, `3 h 25 min`.
package func durationText(_ seconds: Double) -> String {
    let whole = Int(min(1e9, max(0, seconds)).rounded())
    return whole < 100
        ? "\(fixed(seconds, 1)) s"
        : whole < 3_600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3_600) h \(whole % 3_600 / 60) min"
}

extension String {
    /// With blanks behind it, at least so long.
    fileprivate func padded(_ length: Int) -> String {
        self + String(repeating: " ", count: max(1, length - count))
    }
}
