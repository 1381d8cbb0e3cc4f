import Essentials
import Kernels

/// The attacks of an evaluation and the number of its samples: all that fixes the layout of its records.
public struct EvaluationPlan: Equatable, Sendable {
    /// One attack of the plan.
    public struct Attack: Equatable, Sendable {
        /// The attack as it was asked for.
        public let specification: AttackSpecification
        /// True where its samples are nonsense.
        public let isNonsense: Bool
        /// True where it stays in the Linf ball of its strength and in the range of pixels: a worst case over a ball
        /// counts it.
        public let staysInBall: Bool
        /// The names of its parts; empty where it has none.
        public let partNames: [String]
        /// Its strengths, fractions of the pixel range.
        public let strengths: [Double]
        /// Its settings in full.
        public let settings: [String: String]
        /// Reasons why it may be weaker than its name, a clause each.
        public let warnings: [String]

        /// Rows of records for each strength: the worst case, then the parts.
        public var layers: Int { 1 + partNames.count }
        /// True where its samples are the images as they are.
        public var isClean: Bool { specification.entry?.kind == .clean }
        /// True where the outputs of each sample are kept.
        public var keepsOutputs: Bool { isClean }
    }

    /// The attacks, in order.
    public let attacks: [Attack]
    /// The number of samples.
    public let samples: Int
    /// The number of outputs of the network.
    public let outputs: Int
    /// The shape of the perturbed images where they are kept, else nil.
    public let imageShape: ImageShape?
}

/// The records of one task: for each strength the worst case, then each part's.
public struct ChunkRecords: Sendable {
    /// The task.
    public let task: EvaluationTask
    /// The strengths.
    public let strengths: [Double]
    /// [layers, strengths, samples].
    public private(set) var records: [SampleRecord]
    /// The outputs z, [samples, outputs], where the attack keeps them.
    public private(set) var outputs: [Float]
    /// The perturbed images, [strengths, samples, image shape], in 0..255 unless the attack leaves that range; empty
    /// where they are not kept.
    public private(set) var images: [Float]

    private let layers: Int
    private let outputCount: Int
    private let imageCount: Int
    private var count: Int { task.samples.count }

    /// No records yet.
    init(_ task: EvaluationTask, _ plan: EvaluationPlan) {
        let attack = plan.attacks[task.attack]
        self.task = task
        strengths = attack.strengths
        layers = attack.layers
        outputCount = attack.keepsOutputs ? plan.outputs : 0
        records = [SampleRecord](
            repeating: .notAttacked, count: layers * strengths.count * task.samples.count)
        outputs = [Float](repeating: 0, count: outputCount * task.samples.count)
        imageCount = plan.imageShape?.count ?? 0
        images = [Float](repeating: 0, count: strengths.count * task.samples.count * imageCount)
    }

    /// As `bytes` gave them.
    ///
    /// - Throws: `Failure` 65 where the bytes are not those of the task's records.
    init(_ task: EvaluationTask, _ plan: EvaluationPlan, bytes: [UInt8]) throws {
        self.init(task, plan)
        let wanted = records.count * SampleRecord.packedSize + 4 * (outputs.count + images.count)
        guard bytes.count == wanted else {
            throw Failure(.data, "the records of a chunk have \(bytes.count) bytes where \(wanted) were due")
        }
        bytes.withUnsafeBytes { raw in
            for i in records.indices {
                records[i] = SampleRecord(
                    packed: UnsafeRawBufferPointer(
                        rebasing: raw[i * SampleRecord.packedSize..<(i + 1) * SampleRecord.packedSize]))
            }
            let start = records.count * SampleRecord.packedSize
            for i in outputs.indices { outputs[i] = raw.loadUnaligned(fromByteOffset: start + 4 * i, as: Float.self) }
            let end = start + 4 * outputs.count
            for i in images.indices { images[i] = raw.loadUnaligned(fromByteOffset: end + 4 * i, as: Float.self) }
        }
    }

    /// Takes records and outputs as they are.
    mutating func replace(_ records: [SampleRecord], outputs: [Float], images: [Float]) {
        precondition(records.count == self.records.count && outputs.count == self.outputs.count)
        precondition(images.count == self.images.count)
        self.records = records
        self.outputs = outputs
        self.images = images
    }

    /// All of it, little-endian.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(records.count * SampleRecord.packedSize + 4 * (outputs.count + images.count))
        for record in records { record.pack(into: &bytes) }
        outputs.withUnsafeBytes { bytes += $0 }
        images.withUnsafeBytes { bytes += $0 }
        return bytes
    }

    private func index(_ layer: Int, _ strength: Int, _ sample: Int) -> Int {
        (layer * strengths.count + strength) * count + sample - task.samples.lowerBound
    }

    /// Notes the record of a part and its image, in pixel units less the mean image; the first of the worst stands for
    /// the sample.
    mutating func add(
        _ record: SampleRecord, strength: Int, sample: Int, label: Int?, image: UnsafePointer<Float>, meanImage: [Float]
    ) {
        let worst = index(0, strength, sample)
        let isFirst = records[worst].part == SampleRecord.notAttacked.part
        if isFirst || record.severity(label: label) > records[worst].severity(label: label) {
            records[worst] = record
            for i in 0..<imageCount { images[worst * imageCount + i] = image[i] + meanImage[i] }
        }
        if layers > 1 { records[index(1 + Int(record.part), strength, sample)] = record }
    }

    /// Notes the outputs of a sample where they are kept.
    mutating func addOutputs(_ z: UnsafePointer<Float>, sample: Int) {
        let start = (sample - task.samples.lowerBound) * outputCount
        for i in 0..<outputCount { outputs[start + i] = z[i] }
    }
}

extension SampleRecord {
    /// Bytes of a record as it travels and is kept.
    static let packedSize = 24

    func pack(into bytes: inout [UInt8]) {
        withUnsafeBytes(of: prediction) { bytes += $0 }
        bytes += [outcome, part]
        for value in [confidence, classConfidence, linf, l2, l1] { withUnsafeBytes(of: value) { bytes += $0 } }
    }

    init(packed raw: UnsafeRawBufferPointer) {
        func float(_ offset: Int) -> Float { raw.loadUnaligned(fromByteOffset: offset, as: Float.self) }
        self.init(
            prediction: raw.loadUnaligned(as: Int16.self), outcome: raw[2], part: raw[3], confidence: float(4),
            classConfidence: float(8), linf: float(12), l2: float(16), l1: float(20))
    }
}
