"""Networks in the layout of a checkpoint: plain HDF5 without a user block, so the reader has to be told to trust it."""

import datetime

import h5py
import numpy
import torch

import networks

FORMAT_VERSION = 1


def tensors(net, mean_image):
    """The network's tensors under their names in a checkpoint."""
    found = {f"model/{name.replace('.', '/')}": value.detach().contiguous() for name, value in net.state_dict().items()}
    found["input/mean_image"] = mean_image
    return {name: numpy.asarray(value, numpy.float32) for name, value in found.items()}


def save(path, tensors, *, dataset, activation, classes, variant="released", network="", **attributes):
    """Writes the tensors with the attributes of the file's root; `network` is the JSON that describes the layers."""
    root = {"format": "steadfast-checkpoint", "format_version": FORMAT_VERSION, "variant": variant, "dataset": dataset,
            "architecture": dataset, "activation": activation, "classes": classes, "network": network,
            "created": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "product_version": "", "step": 0, "epoch": 0, "seed": numpy.uint64(0), "lanes": 1, "world_size": 1,
            "dataset_digest": "", "recipe": "", **attributes}
    with h5py.File(path, "w") as file:
        file.attrs.update(root)
        for name, value in tensors.items():
            file.create_dataset(name, data=value, chunks=value.shape, shuffle=True, compression="gzip", fletcher32=True)
        for name, group in file["model"].items():
            if "gamma" in group:
                group.attrs["stabilizer"] = numpy.float64(networks.STABILIZER)


def load(path, activation=None):
    """The network in evaluation mode, the mean image and the root's attributes; `activation` where the file does not say it."""
    with h5py.File(path, "r") as file:
        attributes = dict(file.attrs)
        read = {}
        file.visititems(lambda name, item: read.update({name: torch.from_numpy(item[()])})
                        if isinstance(item, h5py.Dataset) else None)
    outputs = len(read["model/fc2/bias"])
    net = networks.network(attributes["dataset"], activation or attributes["activation"],
                           outputs > networks.CLASSES)
    net.load_state_dict({name.removeprefix("model/").replace("/", "."): value
                         for name, value in read.items() if name.startswith("model/")})
    return net.eval(), read["input/mean_image"], attributes
