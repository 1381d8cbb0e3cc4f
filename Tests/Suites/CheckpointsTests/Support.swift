import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Testing

/// A small checkpoint with every kind of object, NaN bits, an empty tensor and a scalar among them.
func sampleCheckpoint(step: Int = 1_200, worldSize: Int = 2, created: String = "2024-05-06T07:08:09Z") -> Checkpoint {
    let header = CheckpointHeader(
        productVersion: "0.1", step: step, epoch: 2, seed: .max - 1, lanes: 8, worldSize: worldSize,
        variant: "released", dataset: "mnist", datasetDigest: "00ff", classes: 10,
        recipe: "dataset: mnist\nname: \"Zhao – Griffin\"\n", network: "{\"layers\":[]}", created: created)
    let weight = (0..<500).map { Float(sin(Double($0 + step))) }
    let odd: [Float] = [.nan, Float(bitPattern: 0xFFC1_2345), -0.0, .infinity, -.infinity, .leastNonzeroMagnitude]
    return Checkpoint(
        header: header,
        tensors: [
            "model/conv1/weight": Tensor(shape: [20, 1, 5, 5], weight),
            "model/conv1/bias": Tensor(shape: [6], odd),
            "model/norm1/gamma": Tensor(shape: [2], [1, 2]),
            "optimizer/conv1/weight": Tensor(shape: [20, 1, 5, 5], [Float](repeating: 0, count: 500)),
            "input/mean_image": Tensor(shape: [1, 2, 2], [0, 1, 254.5, 255]),
            "state/order": Tensor(shape: [3], elements: .int64([1, -2, .max])),
            "state/sums": Tensor(shape: [2], elements: .float64([0.5, -2])),
            "state/loss": Tensor(shape: [], elements: .float64([0.1])),
            "state/none": Tensor(shape: [0, 7], elements: .int32([])),
        ],
        groupAttributes: ["model/norm1": ["stabilizer": 1e-4]])
}
