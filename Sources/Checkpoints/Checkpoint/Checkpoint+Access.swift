import Essentials
import HDF5Files

extension Checkpoint {
    /// The float32 numbers of a tensor, in row-major order.
    ///
    /// - Throws: `Failure` 65 naming the file, the object, and the expected and the found shape, where it is missing or
    ///   of another type or shape: a checkpoint of another network.
    public func requireTensor(_ path: String, shape: [Int]) throws -> [Float] {
        if let tensor = tensors[path], tensor.shape == shape, case .float32(let values) = tensor.elements {
            return values
        }
        throw mismatch(path, "float32 \(shape)")
    }

    /// The float64 numbers of a tensor, in row-major order; errors as of `requireTensor`.
    public func requireDoubles(_ path: String, shape: [Int]) throws -> [Double] {
        if let tensor = tensors[path], tensor.shape == shape, case .float64(let values) = tensor.elements {
            return values
        }
        throw mismatch(path, "float64 \(shape)")
    }

    /// A number attached to a group, such as `stabilizer` of `model/norm1`.
    ///
    /// - Throws: `Failure` 65 naming the file and the object where it is missing.
    public func requireAttribute(_ name: String, of group: String) throws -> Double {
        if let value = groupAttributes[group]?[name] { return value }
        throw Failure(
            .data, "\(place): object /\(group) has no attribute '\(name)'; is it a checkpoint of another network?")
    }

    private func mismatch(_ path: String, _ expected: String) -> Failure {
        let found = tensors[path].map { "it is \($0.summary)" } ?? "it is missing"
        return Failure(
            .data, "\(place): object /\(path) should be \(expected), but \(found): a checkpoint of another network")
    }

    private var place: String { source.isEmpty ? "checkpoint" : source }

    /// The header and the tensors as a table for people, a line each, without a newline at the end.
    public func describe() -> String {
        let parameters = tensors.filter { CheckpointLayout.Group.model.contains($0.key) }.reduce(0) {
            $0 + $1.value.elements.count
        }
        let facts: [(String, String)] =
            [
                ("format", "\(CheckpointLayout.format) \(CheckpointLayout.version)"),
                ("product version", header.productVersion),
                ("created", header.created), ("step", "\(header.step)"), ("epoch", "\(header.epoch)"),
                ("seed", "\(header.seed)"), ("lanes", "\(header.lanes)"), ("ranks", "\(header.worldSize)"),
                ("variant", header.variant), ("dataset", "\(header.dataset) (\(header.datasetDigest))"),
                ("classes", "\(header.classes)"), ("numbers in /model", "\(parameters)"),
                ("training digest", trainingDigest),
            ] + (header.initialWeightsDigest.map { [("initial weights", $0)] } ?? [])
        var lines = textTable(facts.map { [$0.0, $0.1] })
        lines.append("")
        lines += textTable(
            [["object", "type", "shape"]]
                + tensors.sorted { utf8Order($0.key, $1.key) }.map { path, tensor in
                    ["/" + path, tensor.elements.typeName, tensor.shape.map { "\($0)" }.joined(separator: " x ")]
                })
        let attached = groupAttributes.sorted { utf8Order($0.key, $1.key) }.flatMap { path, values in
            values.sorted { utf8Order($0.key, $1.key) }.map { ["/" + path, $0.key, "\($0.value)"] }
        }
        if !attached.isEmpty {
            lines.append("")
            lines += textTable([["group", "attribute", "value"]] + attached)
        }
        return lines.joined(separator: "\n")
    }
}
