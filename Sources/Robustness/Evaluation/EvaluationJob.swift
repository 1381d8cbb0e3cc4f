import Checkpoints
import DataFeed
import Datasets
import Essentials
import Foundation
import HDF5Files
import Kernels
import MessagePassing
import Networks

/// The attacks and images of an evaluation.
public struct EvaluationSettings: Sendable {
    /// The attacks.
    public var attacks: [AttackSpecification]
    /// The strengths; nil for the columns of the data set's table.
    public var strengths: [Double]?
    /// The images: of the split every K-th, of those the first N.
    public var split = Split.test
    /// Every how many-th image.
    public var every = 1
    /// How many images at most.
    public var samples: Int?
    /// The validation split: how many images it has, how they are drawn, and the seed of the training run.
    public var validation = (count: 0, rule: SplitRule.random, seed: UInt64(0))
    /// The key of all random numbers.
    public var seed: UInt64 = 1
    /// The most samples that a rank is dealt at a time; nil for a fitting number.
    public var chunk: Int?
    /// True where the results hold the perturbed images.
    public var keepsImages = false
    /// Another data set than the network was trained on: the name by which it is located, and its name in results.
    public var dataset: (locator: String, name: String)?
    /// Where to look for data first.
    public var dataDirectory: String?
    /// True to go on with an evaluation that was stopped.
    public var resume = false

    /// Settings for some attacks.
    public init(attacks: [AttackSpecification]) { self.attacks = attacks }

    /// True where an image is asked for, for each of the split's files.
    ///
    /// - Parameter splits: of the training files; nil where test images are evaluated.
    /// - Throws: `Failure` 64 where there are none.
    func wanted(of description: DatasetDescription, _ splits: Splits?) throws -> [Bool] {
        var pool = Array(0..<Int32(split == .test ? description.testCount : description.trainCount))
        if let splits {
            pool = split == .train ? splits.train : splits.validation
            guard split != .validation || !pool.isEmpty else {
                throw Failure(
                    .usage,
                    "--split validation: "
                        + (dataset == nil
                            ? "the network was trained without a validation split"
                            : "only the set that the network was trained on has one"))
            }
        }
        guard !pool.isEmpty else {
            throw Failure(
                .data,
                "data set \(description.name) holds no \(split == .test ? "test" : "training") images: evaluate on "
                    + "--split \(split == .test ? "train" : "test")")
        }
        let chosen = stride(from: 0, to: pool.count, by: every).map { Int(pool[$0]) }
        var wanted = [Bool](repeating: false, count: split == .test ? description.testCount : description.trainCount)
        for index in chosen.prefix(samples ?? .max) { wanted[index] = true }
        return wanted
    }
}

/// The evaluation of one checkpoint into one folder: its journal while it runs, `results.h5` in the end.
public final class EvaluationJob {
    /// How far it is: the attack that a chunk came from, its samples done of all, and the samples done since the start.
    public typealias Progress = (_ attack: EvaluationPlan.Attack, _ done: Int, _ of: Int, _ samples: Int) -> Void

    /// The checkpoint's name in the results.
    public let name: String
    /// The step that it was written at.
    public let step: Int
    /// The network.
    public let target: TargetModel
    /// The checkpoint's row of `networks.csv`.
    public let networkRow: NetworkRow

    /// Reasons why the figures may say less than they seem to, a sentence each.
    public var warnings: [String] {
        let attacks = evaluator.plan.attacks.flatMap { attack in
            attack.warnings.map { "attack '\(attack.specification.verbatim)': \($0)" }
        }
        return attacks + (sortedWarning.map { [$0] } ?? [])
    }

    let samples: ImageSet
    let communicator: Communicator
    private let evaluator: Evaluator
    private let subject: EvaluationSubject
    private let settings: EvaluationSettings

    /// The attacks and samples of the evaluation.
    var plan: EvaluationPlan { evaluator.plan }

    /// Makes an evaluator of some attacks on some images, else as the job's own. Local.
    let makeEvaluator: ([AttackSpecification], ImageSet) throws -> Evaluator

    /// Reads the data and makes the attacks. Collective: every rank of the communicator calls this with the same
    /// arguments.
    ///
    /// - Parameters:
    ///   - target: the network, which every rank holds.
    ///   - header: what its checkpoint says of it.
    ///   - name: what the results call it.
    ///   - others: other networks, for attacks that are made on them.
    ///   - communicator: the ranks that evaluate.
    ///   - own: what to evaluate it on.
    /// - Throws: `Failure` 66 where the data is not there, 65 where it is damaged or does not fit the network, 64 for
    ///   attacks that cannot be made; all ranks throw together.
    public init(
        _ target: TargetModel, _ header: CheckpointHeader, name: String,
        others: [(name: String, target: TargetModel)] = [], communicator: Communicator, settings own: EvaluationSettings
    ) throws {
        precondition(target.seed == own.seed, "a network of seed \(target.seed) in an evaluation of \(own.seed)")
        self.name = name
        self.communicator = communicator
        let dataset = try HostDataset(
            own.dataset?.locator ?? header.dataset, directory: own.dataDirectory, communicator: communicator)
        let splits =
            own.split == .test
            ? nil
            : try dataset.splits(
                validation: own.validation.count, rule: own.validation.rule, seed: own.validation.seed)
        let (wanted, mapping) = try communicator.agree {
            (
                try own.wanted(of: dataset.description, splits),
                try own.dataset.flatMap {
                    try ClassNames.labels(
                        of: dataset.description.namedClasses, in: header.classNames, classes: header.classes,
                        set: $0.name)
                }
            )
        }
        let read = try dataset.read(own.split == .test ? .test : .train, wanted: wanted)
        try dataset.close()
        let samples = mapping.map(read.labelled) ?? read
        let context = AttackContext(target, others: others)
        // Another set than the network's own takes the network's classes, and its own set's strengths.
        let isOwn = own.dataset == nil
        let columns = isOwn ? dataset.description.strengths : DatasetDefaults.of(header.dataset).strengths
        let strengths = own.strengths ?? columns
        let classes = isOwn ? dataset.description.classes : header.classes
        let makeEvaluator = { (attacks: [AttackSpecification], samples: ImageSet) throws in
            try Evaluator(
                context, attacks, strengths: strengths, samples: samples, classes: classes, chunk: own.chunk,
                keepsImages: own.keepsImages, communicator: communicator)
        }
        let evaluator = try communicator.agree {
            // A set of one's own may lack images of the last classes.
            if let other = own.dataset, mapping == nil, dataset.description.classes > header.classes {
                throw Failure(
                    .data,
                    "\(other.name) has labels up to \(dataset.description.classes - 1), and the network "
                        + "\(header.classes) classes: evaluate on images of its classes")
            }
            return try makeEvaluator(own.attacks, samples)
        }
        self.target = target
        self.samples = samples
        (self.evaluator, self.makeEvaluator) = (evaluator, makeEvaluator)
        self.settings = own
        step = header.step
        networkRow = NetworkRow(header, name: name, split: own.split.rawValue)
        subject = EvaluationSubject(
            checkpoint: name, checkpointDigest: target.digest, checkpointStep: step,
            dataset: own.dataset?.name ?? header.dataset, split: own.split.rawValue, seed: own.seed,
            samples: samples, classes: target.plan.network.classes,
            classNames: header.classNames ?? (mapping == nil ? dataset.description.namedClasses : nil),
            mapping: mapping,
            place: DatasetPlace(
                locator: own.dataset.flatMap { $0.locator == $0.name ? nil : $0.locator },
                directory: own.dataDirectory))
        try communicator.agreeOnEqual([
            ("the checkpoint", target.digest), ("the data", samples.contentDigest),
            ("the evaluation", subject.fingerprint(evaluator.plan)), ("the build", Product.buildDigest),
            ("the BLAS kernel", BLAS.kernel),
        ])
    }

    /// Some first images of a set that is sorted by class are images of some classes alone.
    private var sortedWarning: String? {
        guard settings.samples != nil, samples.count >= Self.fewestForOrder else { return nil }
        let classes = Set(samples.labels).count
        let runs = 1 + zip(samples.labels, samples.labels.dropFirst()).count { $0 != $1 }
        guard classes == runs, classes < subject.classes else { return nil }
        return "the \(samples.count) images lie sorted by class, \(classes) of \(subject.classes) classes among them: "
            + "--every K takes every K-th image of the whole set"
    }
    /// Fewer images than this may come in order by chance.
    private static let fewestForOrder = 10

    /// Does what is left to do, into a folder that is there. Collective.
    ///
    /// - Returns: the results on rank 0, nil elsewhere.
    /// - Throws: `Failure` 64 where the folder holds another evaluation; 73 one that is not finished and was not to be
    ///   resumed; 75 where a signal asked to stop, what is done being kept; 73 or 74 where files cannot be written. All
    ///   ranks throw together.
    public func run(into folder: String, progress: @escaping Progress = { _, _, _, _ in }) throws -> EvaluationResults?
    {
        let plan = evaluator.plan
        var results: EvaluationResults?
        var journal: EvaluationJournal?
        try communicator.agree {
            guard communicator.rank == 0 else { return }
            var found = try finished(folder)
            if found == nil {
                var replayed = EvaluationResults(subject, plan)
                journal = try openJournal(folder) { replayed.insert($0) }
                found = replayed
            }
            results = found
        }
        let done = results?.done ?? []
        var fresh = 0
        try evaluator.run(done: done) { chunk in
            try journal?.append(chunk)
            results?.insert(chunk)
            fresh += chunk.task.samples.count
            let attack = chunk.task.attack
            progress(plan.attacks[attack], results?.done[attack].count ?? 0, plan.samples, fresh)
        }
        try communicator.agree {
            guard let journal, let results else { return }
            try results.write(to: "\(folder)/\(ResultsLayout.file)")
            try journal.remove()
        }
        return results
    }

    /// Refuses a folder that ``run(into:progress:)`` would refuse for what it holds; makes nothing. Local.
    public func check(_ folder: String) throws {
        if try finished(folder) == nil { try checkJournal(folder) }
    }

    /// The masking verdict on the first of the samples, at a radius or the data set's. Collective; on rank 0.
    public func diagnose(strength: Double?) throws -> Diagnosis? {
        try MaskingDiagnosis.run(
            target, samples: samples, classes: subject.classes,
            strength: strength ?? DatasetDefaults.of(subject.dataset).diagnosisStrength, communicator: communicator)
    }

    /// The results of the same evaluation that the folder holds already, where it is to be resumed.
    private func finished(_ folder: String) throws -> EvaluationResults? {
        let path = "\(folder)/\(ResultsLayout.file)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let tree = try SealedFile.read(path)
        guard tree.rootAttributes["fingerprint"] == .string(subject.fingerprint(evaluator.plan)) else {
            throw Failure(
                .usage,
                "\(folder) holds the results of another evaluation (another network, data, attack, strength, sample or "
                    + "seed): name another output directory")
        }
        return settings.resume ? try EvaluationResults(subject, evaluator.plan, tree, path: path) : nil
    }

    private func openJournal(_ folder: String, replay: (ChunkRecords) -> Void) throws -> EvaluationJournal {
        try checkJournal(folder)
        return try EvaluationJournal(
            journalPath(folder), fingerprint: subject.fingerprint(evaluator.plan), plan: evaluator.plan, replay: replay)
    }

    /// Refuses the journal of another evaluation, and one that is not to be gone on with.
    private func checkJournal(_ folder: String) throws {
        let path = journalPath(folder)
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard settings.resume else {
            throw Failure(
                .cannotCreate,
                "\(folder) holds an evaluation that is not finished: go on with --resume, or name another directory")
        }
        try EvaluationJournal.check(path, fingerprint: subject.fingerprint(evaluator.plan))
    }

    private func journalPath(_ folder: String) -> String { folder + "/journal" }
}
