import Checkpoints
import Essentials
import HDF5Files
import Foundation

extension Checkpoint {
    /// The parameters, running moments and mean image in the format safetensors
    /// (https://github.com/huggingface/safetensors): the length of a JSON header, the header, the numbers.
    ///
    /// Names are dotted, `conv1.weight` (OIHW), `norm1.running_mean`, `input.mean_image` (CHW, 0...255); `__metadata__`
    /// holds the network's description and origin.
    ///
    /// - Throws: `Failure` 65 where a tensor of the network is not of float32.
    public func safetensors() throws -> [UInt8] {
        let paths = tensors.keys.filter { path in CheckpointLayout.usable.contains { $0.contains(path) } }
            .sorted(by: utf8Order)
        var header: [String: Any] = ["__metadata__": Dictionary(uniqueKeysWithValues: metadata)]
        var content: [UInt8] = []
        for path in paths {
            guard let tensor = tensors[path], case .float32(let values) = tensor.elements else {
                throw Failure(.data, "object /\(path) is not of float32: use a checkpoint written by steadfast")
            }
            let start = content.count
            values.withUnsafeBytes { content += $0 }
            header[CheckpointLayout.name(path).split(separator: "/").joined(separator: ".")] = [
                "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, content.count],
            ]
        }
        var text = [UInt8](
            try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes]))
        // The numbers begin at a multiple of 8.
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        return length + text + content
    }
}
