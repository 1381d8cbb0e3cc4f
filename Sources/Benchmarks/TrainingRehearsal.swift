import Essentials
import Foundation
import MessagePassing
import Recipes
import Training

/// Writes what the ranks of a job on many hosts compute and send in a step of training, as SimGrid's traces, without
/// the hosts: this process does the work of one rank, by the trainer's own code, see `Rehearsal`.
///
/// Alone on a free core it rehearses the first rank of a host, and another one of it; all hosts do the same. Under
/// mpirun with as many ranks as the job, each rehearses itself at the same time as the others.
public struct TrainingRehearsal {
    private let subject: BenchmarkSubject
    private let seconds: Double
    private let hosts: Int
    private let ranks: Int
    private let folder: String

    /// Prepares to rehearse.
    ///
    /// - Parameters:
    ///   - subject: the recipe to train, with its global batch.
    ///   - seconds: about how long to rehearse a rank.
    ///   - ranks: a multiple of `hosts`.
    ///   - folder: for the traces, one file a rank.
    public init(_ subject: BenchmarkSubject, seconds: Double, hosts: Int, ranks: Int, into folder: String) {
        precondition(hosts > 0 && ranks % hosts == 0, "\(ranks) ranks on \(hosts) hosts")
        (self.subject, self.seconds, self.hosts, self.ranks, self.folder) = (subject, seconds, hosts, ranks, folder)
    }

    /// Runs it. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 64 for a recipe or numbers of ranks that cannot be rehearsed, 73 or 74 where no file can be
    ///   written; else as `Trainer` does.
    public func run(_ communicator: Communicator) throws -> BenchmarkReport {
        try communicator.agree {
            try check(communicator.worldSize)
            if communicator.rank == 0 { try FileManager.default.makeDirectory(folder) }
        }
        let isAlone = communicator.worldSize == 1
        let size = ranks / hosts
        let rehearsed = isAlone ? [Int](0..<min(size, 2)) : [communicator.rank]
        let steps = try rehearsed.map { try rehearse($0) }
        let trace = ReplayTrace(steps[0], ranks: ranks, hosts: hosts)
        let sent = try communicator.agree {
            for rank in isAlone ? [Int](0..<ranks) : rehearsed {
                let step = steps[isAlone ? min(rank % size, steps.count - 1) : 0]
                try AtomicFile.write(try trace.text(ofRank: rank, step: step), to: "\(folder)/rank-\(rank).trace")
            }
            return try trace.sent(steps[0])
        }
        return report(steps[0], speakers: trace.speakers, sent)
    }

    private func check(_ worldSize: Int) throws {
        guard worldSize == 1 || worldSize == ranks else {
            throw Failure(
                .usage, "\(worldSize) ranks cannot rehearse \(ranks): start one, or --ranks \(worldSize)")
        }
        guard recipe.lanes <= recipe.batch else {
            throw Failure(.usage, "a batch of \(recipe.batch) is too small for \(ranks) ranks: give a larger --batch")
        }
        guard recipe.lanes % ranks == 0 else {
            throw Failure(
                .usage, "\(recipe.lanes) lanes are not the same number on each of \(ranks) ranks: set lanes")
        }
        guard recipe.audit == 0, recipe.reduction == .exact, recipe.accumulation == 1 else {
            throw Failure(.usage, "a rehearsal takes audit=0, reduction=exact and accumulation=1 alone")
        }
    }

    /// The recipe as the job trains it, with as many lanes as ranks at least.
    private var recipe: Recipe {
        var recipe = subject.recipe
        recipe.lanes = max(recipe.lanes, ranks)
        if recipe.overlap == .auto { recipe.overlap = hosts > 1 ? .on : .off }
        // What the others would have sent is not there: weights stay as they are. Moments are averaged but once an
        // epoch.
        recipe.learningRate = 1e-12
        recipe.preciseMoments = 0
        return recipe
    }

    /// A step of one rank: the median of the work before each event over some steps of full batches.
    private func rehearse(_ rank: Int) throws -> Rehearsal.Step {
        let rehearsal = Rehearsal()
        let trainer = try Trainer(
            recipe, communicator: try .rehearsing(rank, of: ranks, hosts: hosts, by: rehearsal), run: nil,
            resume: false, showProgress: false)
        guard trainer.nextImages == subject.batch else {
            throw Failure(
                .usage, "an epoch has \(trainer.nextImages) samples, less than a batch of \(subject.batch)")
        }
        for _ in 0..<3 { try trainer.trainStep() }
        let start = ContinuousClock.now
        var steps: [Rehearsal.Step] = []
        while steps.count < 5 || Essentials.seconds(since: start) < seconds {
            let isFull = trainer.nextImages == subject.batch
            rehearsal.begin()
            try trainer.trainStep()
            if isFull { steps.append(rehearsal.end()) }
        }
        let same = steps.filter { $0.events == steps[0].events }
        guard same.count * 2 > steps.count else {
            throw Failure(.usage, "steps of \(subject.name) are not alike: they cannot be rehearsed")
        }
        return Rehearsal.Step(
            events: steps[0].events,
            seconds: steps[0].seconds.indices.map { index in median(same.map { $0.seconds[index] }) })
    }

    private func report(
        _ step: Rehearsal.Step, speakers: Int, _ sent: (messages: Int, bytes: Int)
    ) -> BenchmarkReport {
        let work = step.seconds.reduce(0, +)
        var report = BenchmarkReport()
        report.lines = [
            "rehearsed \(subject.name), batch \(subject.batch) in \(recipe.lanes) lanes, \(ranks) ranks on \(hosts) "
                + "hosts, \(speakers) ranks speak",
            "rank 0 in a step: \(fixed(work * 1e3, 3)) ms of work, \(sent.messages) messages of \(sent.bytes) bytes",
            "traces of a step in \(folder)",
        ]
        report.json.add("benchmark", "rehearsal")
        subject.describe(in: &report.json)
        report.json.add("hosts", hosts)
        report.json.add("ranks", ranks)
        report.json.add("work_seconds", work)
        report.json.add("messages", sent.messages)
        report.json.add("bytes", sent.bytes)
        return report
    }
}
