"""Converts the networks that the paper's authors released into the layout of a checkpoint, and measures them.

    python reference_networks.py convert SOURCE_DIR DESTINATION_DIR
    python reference_networks.py check DESTINATION_DIR --data DIR

SOURCE_DIR holds `mnist-plain.h5`, `cifar-mrelu-r-m.h5`, ...: plain HDF5 with `conv<i>/weight` (OIHW), `conv<i>/bias`,
`norm<i>/gamma, beta, mean, sigma` and `mean_image`, numbered through: the last two convolutions are fc1 and fc2, and
a norm bears the number of its convolution. sigma is a deviation: running_variance = sigma^2 - stabilizer.

`check` prints the clean error on the first test images beside the error known for these networks.
"""

import argparse
import glob
import json
import os

import h5py
import numpy
import torch

import checkpoint
import data_sets
import networks

# test images, errors among them
KNOWN = {"mnist-plain": (10000, 0.0087), "mnist-plain-r-m": (10000, 0.0090), "mnist-mrelu-r-m": (10000, 0.0144),
         "mnist-rbf1d-r-m": (10000, 0.0151), "cifar-plain": (4000, 0.2240), "cifar-mrelu-r-m": (4000, 0.2297)}


def dataset_and_activation(name):
    dataset, kind = name.split("-")[:2]
    return {"cifar": "cifar10"}.get(dataset, dataset), {"rbf1d": "rbf"}.get(kind, kind)


def convert(source, destination):
    """Writes one network."""
    name = os.path.splitext(os.path.basename(source))[0]
    dataset, activation = dataset_and_activation(name)
    with h5py.File(source, "r") as file:
        convolutions = sum(group.startswith("conv") for group in file)
        tensors = {"input/mean_image": file["mean_image"][()]}
        for number in range(1, convolutions + 1):
            fully_connected = number - (convolutions - 2)
            layer = f"fc{fully_connected}" if fully_connected > 0 else f"conv{number}"
            norm = f"norm_{layer}" if fully_connected > 0 else f"norm{number}"
            for kind in ("weight", "bias"):
                tensors[f"model/{layer}/{kind}"] = file[f"conv{number}/{kind}"][()]
            if f"norm{number}" in file:
                group = file[f"norm{number}"]
                tensors[f"model/{norm}/gamma"] = group["gamma"][()]
                tensors[f"model/{norm}/beta"] = group["beta"][()]
                tensors[f"model/{norm}/running_mean"] = group["mean"][()]
                variance = group["sigma"][()].astype(numpy.float64) ** 2 - networks.STABILIZER
                tensors[f"model/{norm}/running_variance"] = numpy.maximum(variance, 0).astype(numpy.float32)
        origin = str(file.attrs["source"])
    network = networks.description(dataset, activation, len(tensors["model/fc2/bias"]))
    checkpoint.save(destination, tensors, dataset=dataset, activation=activation, classes=networks.CLASSES,
                    network=json.dumps(network), source=origin)


def clean_error(path, data, count):
    """Errors among the first test images, argmax over all outputs."""
    net, mean, attributes = checkpoint.load(path)
    images, labels = data_sets.load(data, attributes["dataset"], "test")
    x, labels = images[:count].float() - mean, labels[:count]
    with torch.no_grad():
        outputs = torch.cat([networks.prediction(net(part), attributes["activation"]) for part in x.split(100)])
    return (outputs != labels).double().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert")
    command.add_argument("source")
    command.add_argument("destination")
    command = commands.add_parser("check")
    command.add_argument("destination")
    command.add_argument("--data", required=True)
    options = parser.parse_args()
    if options.command == "convert":
        os.makedirs(options.destination, exist_ok=True)
        for source in sorted(glob.glob(os.path.join(options.source, "*.h5"))):
            name = os.path.basename(source)
            convert(source, os.path.join(options.destination, name))
    else:
        torch.set_num_threads(1)
        for name, (count, known) in KNOWN.items():
            error = clean_error(os.path.join(options.destination, f"{name}.h5"), options.data, count)
            print(f"{name:16s} error {error:.4f} on {count} images, known {known:.4f}")


if __name__ == "__main__":
    main()
