import Checkpoints
import DataFeed
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
    /// The work of each rank, its first steps left out, and the ranks' hosts.
    let throughputs: [RankThroughput]
    let hosts: [String]
    let seconds: Double
    /// The run ends here.
    let isLast: Bool
}

/// Rank 0's account of a run: metrics.jsonl, TensorBoard's events, and the lines that a person reads.
package final class TrainingReporter {
    private let run: RunDirectory?
    private let board: TensorBoardLog?
    private let recipe: Recipe
    private let showsProgress: Bool
    private var progress: ProgressLine
    private var totalSteps = 0
    /// True where the run's directory held metrics before this job.
    private var hasBegun = false

    /// Steps between two points of TensorBoard's curves.
    private static let boardInterval = 20
    /// The share of rejected training images from which the network is warned of.
    private static let nearlyAll = 0.9

    /// - Parameters:
    ///   - showsProgress: tell a person of all, not of warnings alone.
    ///   - isMoving: the progress line is written over, as on a terminal.
    init(_ run: RunDirectory?, recipe: Recipe, showsProgress: Bool, isMoving: Bool) {
        self.run = run
        self.recipe = recipe
        self.showsProgress = showsProgress
        progress = ProgressLine(isMoving: isMoving)
        board = run.map { TensorBoardLog(directory: $0.path) }
    }

    // MARK: Start and end

    /// Records the start of a new run, the versions and the ranks, as the first line of its metrics.
    func start(step: Int, ranks: Int) throws {
        board?.firstStep = step
        guard let run else { return }
        hasBegun = RunDirectory.metricsSize(run.path) > 0
        guard !hasBegun else { return }
        var line = JSONLine(event: "start")
        line.add("version", Product.version)
        line.add("build", Product.buildDigest)
        line.add("ranks", ranks)
        line.add("recipe_digest", recipe.digest)
        try run.append(line.text)
    }

    /// Records that the run goes on.
    func resumed(_ step: Int, hasCheckpoint: Bool) throws {
        var line = JSONLine(event: "resume")
        line.add("step", step)
        try run?.append(line.text)
        let fresh = hasBegun ? "has no checkpoint yet, starts again" : "holds no run yet, starts"
        say(hasCheckpoint ? "resumed at step \(step)" : "\(run?.path ?? "the run") \(fresh) at step 0")
    }

    func begin(_ recipe: Recipe, _ data: TrainingData, totalSteps: Int, _ places: RankPlaces, sums: String) {
        self.totalSteps = totalSteps
        if data.isOfficial == false {
            warn(
                "the content of \(recipe.dataset) differs from the official digest; `steadfast data verify` says where")
        }
        recipe.warnings.forEach(warn)
        let (samples, ranks) = (data.plan.samples, places.hosts.count)
        say(
            "\(recipe.dataset), \(data.network.classes) classes, \(recipe.network.activation.rawValue) network, "
                + "\(samples) samples an epoch, batch \(recipe.batch) in \(recipe.lanes) lanes on "
                + "\(counted(ranks, "rank")), "
                + (recipe.dataSharing == .lanes
                    ? "" : data.stream == nil ? "one copy of the images a host, " : "images in windows, ") + BLAS.kernel
        )
        if data.stream != nil, let windows = data.plan.windows {
            let set = data.description
            let bytes = ImageStream.bytes(windows, imageBytes: set.shape.count, rows: set.chunkRows)
            say(
                "windows of at least \(windows.size) images out of \(windows.chunks) chunks; \(bytes / 1_000_000 + 1) "
                    + "MB of each host's memory hold three")
        }
        if recipe.dataSharing == .stream, data.plan.windows == nil {
            let set = data.description
            let bytes = (set.trainCount - data.validationCount) * set.shape.count
            warn(
                "one window holds all images: \(bytes / 1_000_000 + 1) MB of each host's memory; "
                    + (recipe.streamWindow == nil ? "set stream_window" : "a smaller stream_window takes less"))
        }
        if let classes = data.classesOfWindows, classes.held < 0.8 * classes.random {
            warn(
                String(
                    format: "a window holds images of %.1f classes on average, where as many at random have %.1f: the "
                        + "images lie class by class; `steadfast data convert --shuffle 1` mixes them, and larger "
                        + "windows help", classes.held, classes.random))
        }
        say(Self.images(recipe, data))
        data.description.notes.forEach(say)
        let shape = data.description.shape
        if shape.channels > 4 || shape.width <= 4 && shape.height >= 8 {
            warn("images of \(shape) are unusual: were channels and columns exchanged? `:layout=` says the order")
        }
        places.lines.forEach(say)
        if ranks > 1, recipe.reduction == .exact { say("sums \(sums)") }
        if let run { say("run: \(run.path)") }
        if data.validation != nil {
            say(
                "the best network: least validation error"
                    + (recipe.validationAttack.map { " under \($0.attack) at \($0.strength)" } ?? ""))
        }
        say(row(\.title))
    }

    /// The images and drawn samples that a run is made of.
    private static func images(_ recipe: Recipe, _ data: TrainingData) -> String {
        let set = data.description
        var text = "\(set.trainCount - data.validationCount) training images of \(set.shape)"
        if data.validationCount > 0 { text += ", \(data.validationCount) for validation" }
        if let drawn = recipe.meanTraining {
            text += ", \(drawn.samples ?? 0) mean samples"
            if let noise = drawn.noiseSamples, noise > 0 { text += ", \(noise) noise samples" }
        }
        return text + " an epoch; \(set.testCount) test images"
    }

    /// Records the end of a run.
    ///
    /// - Parameter patience: the epochs without a better network after which it ended early; nil where it did not.
    func end(_ state: TrainingState, patience: Int?, stepsPerEpoch: Int) throws {
        var line = JSONLine(event: "end")
        line.add("step", state.step)
        try run?.append(line.text)
        if let patience, let error = state.bestError {
            say(
                "ended early: no better network on the validation images for \(patience) epochs; best: epoch "
                    + "\(state.bestEpoch), step \(state.bestEpoch * stepsPerEpoch), error \(fixed(error, 4))")
        }
        if let run {
            say("done: step \(state.step), \(run.checkpointsPath)/\(RunLayout.checkpoint(step: state.step))")
        }
    }

    // MARK: Steps and epochs

    func step(_ report: StepReport) throws {
        let sums = report.sums
        let rate = sums.images / report.seconds
        var line = line("step", report.step, report.epoch, sums)
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
                [("training/loss", sums.meanLoss)] + errorScalars("training", sums)
                    + [("training/learning_rate", report.learningRate), ("speed/images_per_second", rate)],
                step: report.step)
        }
        guard showsProgress else { return }
        progress.update(
            "step \(report.step)/\(totalSteps)  loss \(fixed(sums.meanLoss, 4))"
                + (sums.imageError.map { "  error \(fixed($0, 3))" } ?? ""), done: report.step, of: totalSteps,
            amount: sums.images, unit: "images/s")
    }

    func epoch(_ report: EpochReport) throws {
        let sums = report.sums
        let rate = Double(report.rankImages.reduce(0, +)) / report.seconds
        var line = line("epoch", report.step, report.epoch, sums)
        if let validation = report.validation {
            line.add("validation_error", validation.clean)
            if let attacked = validation.attacked { line.add("validation_attacked_error", attacked) }
        }
        line.add("learning_rate", report.learningRate)
        line.add("images_per_second", rate)
        line.add("images", Int(sums.images))
        line.add("rank_images", report.rankImages)
        line.add("rank_lanes", report.rankLanes.map(Int64.init))
        line.add("rank_step_seconds", report.throughputs.map(\.secondsPerStep))
        line.add("rank_image_seconds", report.throughputs.map(\.secondsPerImage))
        line.add("wall_seconds", report.seconds)
        try run?.append(line.text)
        try board?.add(
            [("epoch/loss", sums.meanLoss)] + errorScalars("epoch", sums)
                + (report.validation.map { [("epoch/validation_error", $0.clean)] } ?? [])
                + (report.validation?.attacked.map { [("epoch/validation_attacked_error", $0)] } ?? []),
            step: report.step)
        say(row { $0.text(report, rate) })
        if report.isLast, let sentence = Self.rejection(sums) { warn(sentence) }
        if let sentence = Straggler.sentence(report.throughputs, hosts: report.hosts, balances: recipe.balance) {
            say(sentence)
        }
    }

    /// The beginning of a line of the record: the losses and errors of a step or an epoch.
    private func line(_ event: String, _ step: Int, _ epoch: Int, _ sums: TrainingSums) -> JSONLine {
        var line = JSONLine(event: event)
        line.add("step", step)
        line.add("epoch", epoch)
        line.add("loss", sums.meanLoss)
        line.add("error", sums.error)
        addErrors(sums, to: &line)
        return line
    }

    /// A sentence on a network that rejects nearly all images that it was trained on; nil where it does not.
    package static func rejection(_ sums: TrainingSums) -> String? {
        guard sums.rejectedShare >= nearlyAll else { return nil }
        return "the network rejects \(fixed(100 * sums.rejectedShare, 0)) % of the images that it was trained on: "
            + "lower mean_training.samples and noise_samples, or train longer"
    }

    private typealias Column = (title: String, width: Int, text: (EpochReport, Double) -> String)

    /// A row of the epochs' table: cells at the right of their columns, at least a space apart.
    private func row(_ cell: (Column) -> String) -> String {
        columns.enumerated().map { index, column in
            let text = cell(column)
            return String(repeating: " ", count: max(index > 0 ? 1 : 0, column.width - text.count)) + text
        }.joined()
    }

    private var columns: [Column] {
        let epochs = recipe.epochs
        func share(_ value: Double?) -> String { value.map { fixed($0, 4) } ?? "-" }
        return [
            ("epoch", 5, { report, _ in "\(report.epoch + 1)/\(epochs)" }),
            ("step", 7, { report, _ in "\(report.step)" }),
            ("learning rate", 15, { report, _ in String(format: "%.4g", report.learningRate) }),
            ("loss", 10, { report, _ in fixed(report.sums.meanLoss, 4) }),
            ("training error", 16, { report, _ in share(report.sums.imageError) }),
        ]
            + (recipe.meanTraining == nil
                ? [] : [("drawn error", 13, { report, _ in share(report.sums.drawnError) })])
            + [
                (
                    "validation error", 18,
                    { report, _ in
                        share(report.validation?.clean)
                            + (report.validation?.attacked.map { " / " + fixed($0, 4) } ?? "")
                    }
                ), ("images/s", 10, { _, rate in "\(Int(rate))" }),
                ("seconds", 9, { report, _ in fixed(report.seconds, 1) }),
            ]
    }

    /// The errors on images of the data set and on drawn samples apart, where there are drawn ones.
    private func addErrors(_ sums: TrainingSums, to line: inout JSONLine) {
        guard recipe.meanTraining != nil else { return }
        line.add("image_error", sums.imageError ?? .nan)
        line.add("drawn_error", sums.drawnError ?? .nan)
    }

    private func errorScalars(_ group: String, _ sums: TrainingSums) -> [(String, Double)] {
        [("\(group)/error", sums.error)]
            + (recipe.meanTraining == nil
                ? []
                : [("\(group)/image_error", sums.imageError), ("\(group)/drawn_error", sums.drawnError)]
                    .compactMap { tag, value in value.map { (tag, $0) } })
    }

    // MARK: Other events

    func reassigned(_ assignment: LaneAssignment, step: Int, seconds: Double) throws {
        var line = JSONLine(event: "deal")
        line.add("step", step)
        line.add("rank_lanes", assignment.counts.map(Int64.init))
        line.add("wall_seconds", seconds)
        try run?.append(line.text)
        let counts = assignment.counts
        say(
            "lanes assigned anew by speed: "
                + (counts.count <= 16
                    ? counts.map(String.init).joined(separator: " ")
                    : "\(counts.min() ?? 0) to \(counts.max() ?? 0) a rank"))
    }

    func saved(_ step: Int, isBest: Bool) throws {
        var line = JSONLine(event: "checkpoint")
        line.add("step", step)
        line.add("file", RunLayout.checkpoint(step: step))
        line.add("best", isBest)
        try run?.append(line.text)
    }

    /// Warnings go to standard error, also where nothing else is shown.
    func warn(_ sentence: String) {
        progress.clear()
        Console.warn(sentence)
    }

    private func say(_ text: String) {
        guard showsProgress else { return }
        progress.clear()
        print(text)
        fflush(nil)
    }
}
