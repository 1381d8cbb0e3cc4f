import Essentials
import Kernels
import MessagePassing
import Training

/// Times the trainer's own step on a shipped recipe: samples drawn on the fly, gradients reduced, parameters updated.
public struct TrainingBenchmark {
    private let subject: BenchmarkSubject
    private let seconds: Double

    private let projected: Int?
    private let network: (latency: Double, bandwidth: Double)?

    /// Prepares to time steps.
    ///
    /// - Parameters:
    ///   - subject: the recipe to train, with its global batch.
    ///   - seconds: about how long to time; for the last 30 % of them each layer is clocked too.
    ///   - projected: predict the scaling up to so many ranks, or nil.
    ///   - network: seconds and bytes a second of a link, for the prediction; nil to measure them between the ranks.
    public init(
        _ subject: BenchmarkSubject, seconds: Double, projected: Int? = nil,
        network: (latency: Double, bandwidth: Double)? = nil
    ) {
        self.subject = subject
        self.seconds = seconds
        self.projected = projected
        self.network = network
    }

    /// Runs it. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` as `Trainer` does.
    public func run(_ communicator: Communicator) throws -> BenchmarkReport {
        let trainer = try Trainer(
            subject.recipe, communicator: communicator, run: nil, resume: false, showProgress: false)
        let ranks = communicator.worldSize
        let peak = try PeakRate.mean(communicator)
        let times = try trainer.timeSteps(seconds: seconds * 0.7, detailed: false)
        let rates = times.rates
        let detailed = try trainer.timeSteps(seconds: seconds * 0.3, detailed: true)
        let operations = times.plan.trainingOperations
        var report = BenchmarkReport()
        report.json.add("benchmark", "train")
        subject.describe(in: &report.json)
        let share = report.addRates(rates, operations: operations, peak: peak, ranks: ranks)
        report.lines = [
            "training \(subject.name), batch \(subject.batch) in \(subject.recipe.lanes) lanes, "
                + "\(subject.recipe.reduction.rawValue) reduction, \(counted(ranks, "rank")), "
                + "\(BLAS.kernel)",
            "images/s: median \(fixed(median(rates), 0)), best \(fixed(rates.max() ?? 0, 0)) of \(rates.count) steps; "
                + "peak of a core \(fixed(peak, 1)) GFLOP/s, share in training \(fixed(share, 3)) "
                + "(\(fixed(Double(operations) * 1e-6, 1)) MFLOP an image)",
            "communication: \(fixed(100 * times.timeline.seconds(.communicate) / times.seconds, 1)) % of the time",
            "",
        ]
        report.json.add("communication_seconds", times.timeline.seconds(.communicate))
        report.json.add("seconds", times.seconds)
        let images = Double(detailed.images) / Double(ranks)
        LayerTable(
            detailed.plan, detailed.timeline, images: images,
            laneImages: Double(subject.batch) / Double(subject.recipe.lanes)
        ).add(to: &report, peak: peak, total: detailed.seconds / images * 1e6)
        if let projected {
            let model =
                try network.map { NetworkModel(latency: $0.latency, bandwidth: $0.bandwidth) }
                ?? CollectiveBenchmark.network(communicator, seconds: 1)
            Projection(trainer, times, detailed, network: model).add(to: &report, ranks: projected)
        }
        return report
    }
}

extension Projection {
    /// The prediction by the times of a trainer's steps; `detailed` ones say what is the update and what the products.
    init(_ trainer: Trainer, _ times: StepTimes, _ detailed: StepTimes, network: NetworkModel) {
        let (recipe, ranks) = (trainer.recipe, trainer.ranks)
        // Of one rank's step; what every step pays whatever the batch is the update.
        let steps = Double(detailed.steps.count)
        let update = detailed.timeline.seconds(.update) / steps
        let work = (times.seconds - times.timeline.seconds(.communicate)) / Double(times.steps.count)
        // Products of gathered factors: this rank's share of all, or of its host's.
        let traffic = StepTraffic(times.plan, batch: recipe.batch, lanes: recipe.lanes, ranks: ranks)
        let products = traffic.factorBlocks.reduce(0) {
            $0 + detailed.timeline.seconds(.weightGradient, block: $1) / steps
        }
        let shares = Double(ranks) / (traffic.repeatsProducts ? Double(trainer.hosts) : 1)
        self.init(
            plan: times.plan, batch: recipe.batch, lanes: recipe.lanes,
            secondsPerImage: (work - update - products) * Double(ranks * times.steps.count) / Double(times.images),
            secondsPerStep: update, productSecondsPerImage: products * shares / Double(recipe.batch),
            network: network)
    }
}

extension PeakRate {
    /// The mean over the ranks, all at work at the same time: GFLOP/s of a core. Collective.
    static func mean(_ communicator: Communicator) throws -> Double {
        try communicator.barrier()
        return try communicator.allReduce(measure(), .sum) / Double(communicator.worldSize)
    }
}
