import Checkpoints
import HDF5Files

/// A checkpoint without a model.
func unfinishedCheckpoint(network: String) -> Checkpoint {
    Checkpoint(
        header: CheckpointHeader(
            productVersion: "0.1", step: 3, epoch: 2, seed: 1, lanes: 8, worldSize: 2, variant: "released",
            dataset: "mnist", datasetDigest: "00ff", classes: 10, recipe: "dataset: mnist\n", network: network,
            created: "2024-05-06T07:08:09Z"),
        tensors: ["optimizer/conv1/weight": Tensor(shape: [1], [1])])
}
