import Checkpoints
import Datasets
import Essentials
import Foundation
import HDF5Files

/// The subject of an evaluation: the network, the samples, the key of the random numbers. Equal subjects, plans and
/// builds give equal records.
public struct EvaluationSubject: Equatable, Sendable {
    /// The checkpoint as the user named it.
    public let checkpoint: String
    /// Its digest.
    public let checkpointDigest: String
    /// The step that it was written at.
    public let checkpointStep: Int
    /// The data set's name.
    public let dataset: String
    /// Where it is found: the name by which it is located, where that is another one, and where it is looked for first.
    public let place: DatasetPlace
    /// The digest of the split that the samples come from.
    public let datasetDigest: String
    /// The split's name.
    public let split: String
    /// The key of all random numbers.
    public let seed: UInt64
    /// The samples' indices in their file.
    public let indices: [Int32]
    /// Their labels.
    public let labels: [UInt8]
    /// The number of classes; outputs behind them are nonsense.
    public let classes: Int
    /// The classes' names; nil where they are numbers.
    public let classNames: [String]?
    /// The network's label of each class of another data set, which the labels are; nil where its own are meant.
    public let mapping: [UInt8]?
    /// The elements of an image.
    public let imageCount: Int

    /// Makes the subject.
    public init(
        checkpoint: String, checkpointDigest: String, checkpointStep: Int, dataset: String, split: String, seed: UInt64,
        samples: ImageSet, classes: Int, classNames: [String]? = nil, mapping: [UInt8]? = nil,
        place: DatasetPlace = DatasetPlace()
    ) {
        self.checkpoint = checkpoint
        self.checkpointDigest = checkpointDigest
        self.checkpointStep = checkpointStep
        self.dataset = dataset
        datasetDigest = samples.contentDigest
        self.split = split
        self.seed = seed
        indices = samples.indices
        labels = samples.labels
        self.classes = classes
        self.classNames = classNames
        self.mapping = mapping
        self.place = place
        imageCount = samples.shape.count
    }

    /// A text that differs where any record might: what `--resume` compares.
    public func fingerprint(_ plan: EvaluationPlan) -> String {
        let digest = Digest()
        for text in [
            checkpointDigest, dataset, datasetDigest, split, "\(seed)", "\(classes)", "\(plan.outputs)",
            "\(plan.imageShape != nil)",
        ] {
            digest.update("\(text.utf8.count) \(text)")
        }
        digest.update(indices)
        if let mapping, mapping.enumerated().contains(where: { $0 != Int($1) }) { digest.update("\nlabels \(mapping)") }
        for attack in plan.attacks {
            digest.update("\n\(attack.specification.verbatim) \(attack.strengths) \(attack.partNames)")
            for (key, value) in attack.settings.sorted(by: { $0.key < $1.key }) { digest.update("\n\(key) \(value)") }
        }
        return digest.finish().hexadecimal
    }
}

/// Where the data set of some results is found, as attributes of their file, each left out where it says nothing.
public struct DatasetPlace: Equatable, Sendable {
    /// The name by which it is located; nil for its name in results.
    public let locator: String?
    /// The folder where it is looked for first.
    public let directory: String?

    private static let names = (locator: "dataset_locator", directory: "data_directory")

    /// Says where a set is found.
    public init(locator: String? = nil, directory: String? = nil) {
        (self.locator, self.directory) = (locator, directory)
    }

    /// The place that a file of results names.
    public init(_ attributes: [String: HDF5Attribute]) {
        func text(_ name: String) -> String? {
            if case .string(let text) = attributes[name] { text } else { nil }
        }
        self.init(locator: text(Self.names.locator), directory: text(Self.names.directory))
    }

    /// The attributes of the file.
    var attributes: [String: HDF5Attribute] {
        [Self.names.locator: locator, Self.names.directory: directory]
            .compactMapValues { $0.map { .string($0) } }
    }
}

/// All results of one network on one set of samples, as files: `results.h5` and rows of `summary.csv`.
public struct EvaluationResults: Sendable {
    /// The network and the samples.
    public let subject: EvaluationSubject
    /// The attacks.
    public let plan: EvaluationPlan
    /// [attacks][layers * strengths][samples]: for each attack the worst case over its parts, then the parts.
    public private(set) var records: [[[SampleRecord]]]
    /// The outputs z of the clean samples, [samples, outputs]; empty if they were not asked for.
    public private(set) var cleanOutputs: [Float]
    /// [attacks][strengths * samples * image elements]: the perturbed images; empty where they are not kept.
    public private(set) var images: [[Float]]
    /// The samples of each attack that are there.
    public private(set) var done: [IndexRanges]

    /// No results yet.
    public init(_ subject: EvaluationSubject, _ plan: EvaluationPlan) {
        self.subject = subject
        self.plan = plan
        records = plan.attacks.map { attack in
            [[SampleRecord]](
                repeating: [SampleRecord](repeating: .notAttacked, count: plan.samples),
                count: attack.layers * attack.strengths.count)
        }
        let keepsOutputs = plan.attacks.contains(where: \.keepsOutputs)
        cleanOutputs = [Float](repeating: 0, count: keepsOutputs ? plan.samples * plan.outputs : 0)
        images = plan.attacks.map {
            [Float](repeating: 0, count: $0.strengths.count * plan.samples * (plan.imageShape?.count ?? 0))
        }
        done = plan.attacks.map { _ in IndexRanges() }
    }

    /// Takes the records of a chunk.
    public mutating func insert(_ chunk: ChunkRecords) {
        let (attack, range) = (chunk.task.attack, chunk.task.samples)
        for row in records[attack].indices {
            records[attack][row].replaceSubrange(
                range, with: chunk.records[row * range.count..<(row + 1) * range.count])
        }
        if !chunk.outputs.isEmpty {
            cleanOutputs.replaceSubrange(
                range.lowerBound * plan.outputs..<range.upperBound * plan.outputs, with: chunk.outputs)
        }
        let size = plan.imageShape?.count ?? 0
        for strength in plan.attacks[attack].strengths.indices where size > 0 {
            let (from, to) = (strength * range.count * size, (strength * plan.samples + range.lowerBound) * size)
            images[attack].replaceSubrange(
                to..<to + range.count * size, with: chunk.images[from..<from + range.count * size])
        }
        done[attack].insert(range)
    }

    /// True where all samples of an attack are there.
    public func isComplete(_ attack: Int) -> Bool { done[attack].gaps(in: 0..<plan.samples).isEmpty }
    /// True where everything is there.
    public var isComplete: Bool { plan.attacks.indices.allSatisfy(isComplete) }

    /// The records of one attack of one strength: the worst case over its parts, or those of one part.
    public func records(_ attack: Int, strength: Int, part: Int? = nil) -> [SampleRecord] {
        records[attack][(part.map { $0 + 1 } ?? 0) * plan.attacks[attack].strengths.count + strength]
    }

    /// Writes `results.h5`, whole or not at all.
    public func write(to path: String) throws {
        var tree = HDF5Tree()
        tree.rootAttributes = [
            "format": .string(ResultsLayout.format), "format_version": .int64(Int64(ResultsLayout.version)),
            "product_version": .string(Product.version), "checkpoint": .string(subject.checkpoint),
            "checkpoint_digest": .string(subject.checkpointDigest),
            "checkpoint_step": .int64(Int64(subject.checkpointStep)), "dataset": .string(subject.dataset),
            "dataset_digest": .string(subject.datasetDigest), "split": .string(subject.split),
            "seed": .uint64(subject.seed), "classes": .int64(Int64(subject.classes)),
            "outputs": .int64(Int64(plan.outputs)), "fingerprint": .string(subject.fingerprint(plan)),
            "attacks": .string(plan.attacks.map(\.specification.verbatim).joined(separator: ",")),
            "created": .string(Date.now.formatted(.iso8601)),
        ]
        tree.rootAttributes.merge(subject.place.attributes) { $1 }
        tree.rootAttributes[ClassNames.attribute] = subject.classNames.map { .string(ClassNames.text($0)) }
        let count = plan.samples
        tree.tensors[ResultsLayout.index] = Tensor(shape: [count], elements: .int32(subject.indices))
        tree.tensors[ResultsLayout.label] = Tensor(shape: [count], elements: .int16(subject.labels.map { Int16($0) }))
        for (number, attack) in plan.attacks.enumerated() {
            let group = ResultsLayout.Attack(attack.specification.verbatim)
            tree.attributes[group.path] = [
                "name": .string(attack.specification.name), "seed": .uint64(subject.seed),
                "unit": .string("fractions of the pixel range"), "nonsense": .int64(attack.isNonsense ? 1 : 0),
            ].merging(attack.settings.map { ($0, .string($1)) }) { first, _ in first }
            tree.tensors[group.strength] = Tensor(
                shape: [attack.strengths.count], elements: .float64(attack.strengths))
            let strengths = attack.strengths.count
            add(records[number][..<strengths], of: strengths, at: group, to: &tree)
            for (part, name) in attack.partNames.enumerated() {
                let rows = records[number][(part + 1) * strengths..<(part + 2) * strengths]
                add(rows, of: strengths, at: group.part(name), to: &tree)
                tree.tensors[group.part(name).attacked] = Tensor(
                    shape: [strengths, count],
                    elements: .uint8(rows.flatMap { $0.map { $0.part == SampleRecord.notAttacked.part ? 0 : 1 } }))
            }
            if !attack.partNames.isEmpty {
                tree.tensors[group.worstPart] = Tensor(
                    shape: [strengths, count],
                    elements: .uint8(records[number][..<strengths].flatMap { $0.map(\.part) }))
            }
            if let shape = plan.imageShape {
                tree.tensors[group.image] = Tensor(
                    shape: [strengths, count, shape.height, shape.width, shape.channels], images[number])
            }
            if attack.keepsOutputs {
                tree.tensors[group.output] = Tensor(shape: [count, plan.outputs], cleanOutputs)
            }
        }
        try SealedFile.write(tree, to: path)
    }

    private func add(
        _ rows: ArraySlice<[SampleRecord]>, of strengths: Int, at group: ResultsLayout.Attack, to tree: inout HDF5Tree
    ) {
        let shape = [strengths, plan.samples]
        let records = rows.flatMap { $0 }
        tree.tensors[group.prediction] = Tensor(shape: shape, elements: .int16(records.map(\.prediction)))
        tree.tensors[group.outcome] = Tensor(shape: shape, elements: .uint8(records.map(\.outcome)))
        tree.tensors[group.confidence] = Tensor(shape: shape, records.map(\.confidence))
        tree.tensors[group.classConfidence] = Tensor(shape: shape, records.map(\.classConfidence))
        tree.tensors[group.linf] = Tensor(shape: shape, records.map(\.linf))
        tree.tensors[group.l2] = Tensor(shape: shape, records.map(\.l2))
        tree.tensors[group.l1] = Tensor(shape: shape, records.map(\.l1))
    }

    /// The rows of `summary.csv`.
    public var summary: [SummaryRow] { plan.attacks.indices.flatMap { rows($0) } }

    /// The rows of one attack, or of one of its parts, named `ATTACK/PART`, over the samples that it was not spared.
    public func rows(_ attack: Int, part: Int? = nil) -> [SummaryRow] {
        let planned = plan.attacks[attack]
        let name = planned.specification.verbatim + (part.map { "/" + planned.partNames[$0] } ?? "")
        return planned.strengths.indices.map { strength in
            let attacked = zip(records(attack, strength: strength, part: part), subject.labels)
                .filter { $0.0.part != SampleRecord.notAttacked.part }
            return SummaryRow(
                checkpoint: subject.checkpoint, dataset: subject.dataset, attack: name,
                strength: planned.strengths[strength], isNonsense: planned.isNonsense,
                labels: attacked.map(\.1), records: attacked.map(\.0))
        }
    }
}
