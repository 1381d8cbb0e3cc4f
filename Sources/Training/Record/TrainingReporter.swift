import Checkpoints
import Essentials
import Foundation
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes

/// One step's figures.
struct StepReport {
    let step: Int
    let epoch: Int
    let sums: TrainingSums
    let learningRate: Double
    let gradientNorm: Double
    /// Wall-clock seconds of the step.
    let seconds: Double
    /// Of them, drawing samples.
    let input: Double
    /// Of them, in collectives.
    let communication: Double
}

/// One epoch's figures.
struct EpochReport {
    let step: Int
    let epoch: Int
    let sums: TrainingSums
    let learningRate: Double
    let validation: ValidationErrors?
    /// The images that each rank computed since the epoch's start, or since the run was resumed in it.
    let rankImages: [Int64]
    /// The lanes of each rank.
    let rankLanes: [Int]
    /// What each rank computed, its first steps left out, and the ranks' hosts.
    let efforts: [StepEngine.Effort]
    let hosts: [String]
    let seconds: Double
}

/// Finds the rank that holds the others up.
package enum Straggler {
    /// A rank that computes an image this many times as slowly as the others is named.
    private static let slowness = 1.25

    /// A sentence on the slowest rank where it is much slower than the others, nil where it is not.
    package static func sentence(_ efforts: [StepEngine.Effort], hosts: [String], balances: Bool) -> String? {
        let times = efforts.map(\.secondsPerImage)
        guard times.count > 1, times.allSatisfy({ $0 > 0 }),
            let slowest = times.indices.max(by: { times[$0] < times[$1] })
        else { return nil }
        let others = times.indices.filter { $0 != slowest }.map { times[$0] }.sorted()
        let usual = others[others.count / 2]
        guard times[slowest] > slowness * usual else { return nil }
        let step = efforts[slowest].seconds / Double(efforts[slowest].steps)
        return
            "rank \(slowest) on \(hosts[slowest]) computes \(fixed(times[slowest] / usual, 2)) times as long for an image as the "
            + "others (\(fixed(step * 1e3, 1)) ms a step)" + (balances ? "" : "; balance: on deals it fewer lanes")
    }
}

/// Rank 0's account of a run: metrics.jsonl, TensorBoard's events, and the lines that a person reads.
final class TrainingReporter {
    private let run: RunDirectory?
    private let board: TensorBoardLog?
    private let showsProgress: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var progress = ProgressLine()
    private var totalSteps = 0
    private let epochs: Int
    private let balances: Bool

    /// Steps between two points of TensorBoard's curves.
    private static let boardInterval = 20

    init(_ run: RunDirectory?, recipe: Recipe, showProgress: Bool) throws {
        self.run = run
        self.showsProgress = showProgress
        board = run.map { TensorBoardLog(directory: $0.path) }
        epochs = recipe.epochs
        balances = recipe.balance
    }

    /// Warnings go to standard error, also where nothing else is shown.
    func warn(_ sentence: String) {
        if isTerminal { progress.clear() }
        try? FileHandle.standardError.write(contentsOf: Data("steadfast: warning: \(sentence)\n".utf8))
    }

    func begin(_ recipe: Recipe, _ data: TrainingData, _ state: TrainingState, totalSteps: Int, _ places: RankPlaces) {
        self.totalSteps = totalSteps
        if data.isOfficial == false {
            warn(
                "the content of \(recipe.dataset) differs from the official digest; `steadfast data verify` says where")
        }
        let (samples, ranks) = (data.plan.samples, places.hosts.count)
        say(
            "\(recipe.dataset), \(data.network.classes) classes, \(recipe.network.activation.rawValue) network, \(samples) samples an epoch, batch "
                + "\(recipe.batch) in \(recipe.lanes) lanes on \(ranks) rank\(ranks == 1 ? "" : "s"), "
                + (recipe.dataSharing == .node ? "one copy of the images a host, " : "") + BLAS.kernel)
        places.lines.forEach(say)
        say("epoch   step  learning rate      loss  training error  validation error  images/s  seconds")
    }

    func resumed(_ step: Int) throws {
        var line = JSONLine()
        line.add("event", "resume")
        line.add("step", step)
        try run?.append(line.text)
        say("resumed at step \(step)")
    }

    func step(_ report: StepReport) throws {
        let rate = report.sums.images / report.seconds
        var line = JSONLine()
        line.add("event", "step")
        line.add("step", report.step)
        line.add("epoch", report.epoch)
        line.add("loss", report.sums.meanLoss)
        line.add("error", report.sums.error)
        line.add("learning_rate", report.learningRate)
        line.add("gradient_norm", report.gradientNorm)
        line.add("images_per_second", rate)
        var seconds = JSONLine()
        seconds.add("compute", report.seconds - report.communication - report.input)
        seconds.add("communication", report.communication)
        seconds.add("input", report.input)
        line.add("seconds", seconds)
        try run?.append(line.text)
        if report.step % Self.boardInterval == 0 {
            try board?.add(
                [
                    ("training/loss", report.sums.meanLoss), ("training/error", report.sums.error),
                    ("training/learning_rate", report.learningRate), ("speed/images_per_second", rate),
                ], step: report.step)
        }
        guard showsProgress && isTerminal else { return }
        progress.update(
            "step \(report.step)/\(totalSteps)  loss \(fixed(report.sums.meanLoss, 4))", done: report.step,
            of: totalSteps, amount: report.sums.images, unit: "images/s")
    }

    func epoch(_ report: EpochReport) throws {
        let rate = Double(report.rankImages.reduce(0, +)) / report.seconds
        var line = JSONLine()
        line.add("event", "epoch")
        line.add("step", report.step)
        line.add("epoch", report.epoch)
        line.add("loss", report.sums.meanLoss)
        line.add("error", report.sums.error)
        if let validation = report.validation {
            line.add("validation_error", validation.clean)
            if let attacked = validation.attacked { line.add("validation_attacked_error", attacked) }
        }
        line.add("learning_rate", report.learningRate)
        line.add("images_per_second", rate)
        line.add("images", Int(report.sums.images))
        line.add("rank_images", report.rankImages)
        line.add("rank_lanes", report.rankLanes.map(Int64.init))
        line.add("rank_step_seconds", report.efforts.map { $0.steps > 0 ? $0.seconds / Double($0.steps) : .nan })
        line.add("rank_image_seconds", report.efforts.map(\.secondsPerImage))
        line.add("wall_seconds", report.seconds)
        try run?.append(line.text)
        try board?.add(
            [("epoch/loss", report.sums.meanLoss), ("epoch/error", report.sums.error)]
                + (report.validation.map { [("epoch/validation_error", $0.clean)] } ?? [])
                + (report.validation?.attacked.map { [("epoch/validation_attacked_error", $0)] } ?? []),
            step: report.step)
        let validation =
            report.validation.map { errors in
                fixed(errors.clean, 4) + (errors.attacked.map { " / " + fixed($0, 4) } ?? "")
            } ?? "-"
        say(
            pad("\(report.epoch + 1)/\(epochs)", 5) + pad("\(report.step)", 7)
                + pad(String(format: "%.4g", report.learningRate), 15)
                + pad(fixed(report.sums.meanLoss, 4), 10) + pad(fixed(report.sums.error, 4), 16) + pad(validation, 18)
                + pad("\(Int(rate))", 10) + pad(fixed(report.seconds, 1), 9))
        if let sentence = Straggler.sentence(report.efforts, hosts: report.hosts, balances: balances) { say(sentence) }
    }

    func dealt(_ deal: LaneDeal, step: Int, seconds: Double) throws {
        var line = JSONLine()
        line.add("event", "deal")
        line.add("step", step)
        line.add("rank_lanes", deal.counts.map(Int64.init))
        line.add("wall_seconds", seconds)
        try run?.append(line.text)
        let counts = deal.counts
        say(
            "lanes dealt anew by speed: "
                + (counts.count <= 16
                    ? counts.map(String.init).joined(separator: " ")
                    : "\(counts.min() ?? 0) to \(counts.max() ?? 0) a rank"))
    }

    func saved(_ step: Int, isBest: Bool) throws {
        var line = JSONLine()
        line.add("event", "checkpoint")
        line.add("step", step)
        line.add("file", RunLayout.checkpoint(step: step))
        line.add("best", isBest)
        try run?.append(line.text)
    }

    func end(_ state: TrainingState) throws {
        var line = JSONLine()
        line.add("event", "end")
        line.add("step", state.step)
        try run?.append(line.text)
        if let run {
            say("done: step \(state.step), \(run.checkpointsPath)/\(RunLayout.checkpoint(step: state.step))")
        }
    }

    private func say(_ text: String) {
        guard showsProgress else { return }
        if isTerminal { progress.clear() }
        print(text)
        fflush(nil)
    }
}

/// A line on the terminal that is written over: what, rate, time left.
public struct ProgressLine {
    private var last = ContinuousClock.now
    private var amountSince = 0.0
    private var doneBefore: Int?
    private let start = ContinuousClock.now
    private var isShown = false

    /// A line that is not shown yet.
    public init() {}

    /// Counts the amount done since the last call and, a few times a second, writes the line.
    public mutating func update(_ text: String, done: Int, of total: Int, amount: Double, unit: String) {
        amountSince += amount
        if doneBefore == nil { doneBefore = done - 1 }
        let elapsed = seconds(since: last)
        guard elapsed > 0.25 else { return }
        let perStep = seconds(since: start) / Double(max(1, done - (doneBefore ?? 0)))
        let left = Int(perStep * Double(total - done))
        let clock = "\(left / 3600):\(twoDigits(left / 60 % 60)):\(twoDigits(left % 60))"
        write("\r\u{1B}[K\(text)  \(Int(amountSince / elapsed)) \(unit)  \(clock) left")
        last = .now
        amountSince = 0
        isShown = true
    }

    /// Takes the line away.
    public mutating func clear() {
        if isShown { write("\r\u{1B}[K") }
        isShown = false
    }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
    private func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

/// A number with a fixed number of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

private func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}
