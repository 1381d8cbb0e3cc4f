import Checkpoints
import Essentials
import HDF5Files

extension EvaluationResults {
    /// The results that a file of the same evaluation holds.
    ///
    /// - Throws: `Failure` 65 naming what is missing from the file.
    init(_ subject: EvaluationSubject, _ plan: EvaluationPlan, _ tree: HDF5Tree, path: String) throws {
        self.init(subject, plan)
        let reader = ResultsReader(tree: tree, path: path, samples: plan.samples)
        for (number, attack) in plan.attacks.enumerated() {
            let layout = ResultsLayout.Attack(attack.specification.verbatim)
            var chunk = ChunkRecords(EvaluationTask(attack: number, samples: 0..<plan.samples), plan)
            let groups = [layout] + attack.partNames.map(layout.part)
            var records: [SampleRecord] = []
            for (layer, group) in groups.enumerated() {
                let part = attack.partNames.isEmpty ? nil : layer == 0 ? group.worstPart : group.attacked
                let marks = try part.map { try reader.bytes($0, strengths: attack.strengths.count) }
                for (index, record) in try reader.records(group, strengths: attack.strengths.count).enumerated() {
                    var record = record
                    if let mark = marks?[index] { record.part = layer == 0 ? mark : UInt8(layer - 1) }
                    records.append(layer > 0 && marks?[index] == 0 ? .notAttacked : record)
                }
            }
            chunk.replace(
                records, outputs: attack.keepsOutputs ? try reader.floats(layout.output, plan.outputs) : [],
                images: try plan.imageShape.map {
                    try reader.floats(layout.image, attack.strengths.count * $0.count)
                } ?? [])
            insert(chunk)
        }
    }
}

/// Reads the tensors of a results file, each checked for its type and shape.
private struct ResultsReader {
    let tree: HDF5Tree
    let path: String
    let samples: Int

    func records(_ group: ResultsLayout.Attack, strengths: Int) throws -> [SampleRecord] {
        let predictions = try shorts(group.prediction, strengths)
        let outcomes = try bytes(group.outcome, strengths: strengths)
        let confidences = try floats(group.confidence, strengths)
        let classConfidences = try floats(group.classConfidence, strengths)
        let (linf, l2) = (try floats(group.linf, strengths), try floats(group.l2, strengths))
        let l1 = try floats(group.l1, strengths)
        return predictions.indices.map {
            SampleRecord(
                prediction: predictions[$0], outcome: outcomes[$0], confidence: confidences[$0],
                classConfidence: classConfidences[$0], linf: linf[$0], l2: l2[$0], l1: l1[$0])
        }
    }

    func shorts(_ name: String, _ factor: Int) throws -> [Int16] {
        guard case .int16(let values) = tree.tensors[name]?.elements, values.count == factor * samples else {
            throw missing(name)
        }
        return values
    }

    func floats(_ name: String, _ factor: Int) throws -> [Float] {
        guard case .float32(let values) = tree.tensors[name]?.elements, values.count == factor * samples else {
            throw missing(name)
        }
        return values
    }

    func bytes(_ name: String, strengths: Int) throws -> [UInt8] {
        guard case .uint8(let values) = tree.tensors[name]?.elements, values.count == strengths * samples else {
            throw missing(name)
        }
        return values
    }

    private func missing(_ name: String) -> Failure {
        Failure(.data, "\(path) lacks \(name), or it has another shape: evaluate again into another directory")
    }
}
