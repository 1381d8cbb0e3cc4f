"""Compares this project's attacks with PyTorch implementations of the same on the same weights and samples.

    pip install -r requirements.txt
    python attacks.py STEADFAST CHECKPOINT --data DIR [--strength 0.1] [--samples 200] [--trust]

STEADFAST is the program. Prints the errors side by side, the largest difference of a logit, and the share of equal signs of
FGSM on the pixels whose gradient is above 1e-6 of the image's largest.
"""

import argparse
import json
import os
import subprocess
import tempfile

import h5py
import numpy
import torch

import data_sets


class Network(torch.nn.Module):
    """The network of a checkpoint in evaluation mode: images in [0, 1] to logits (of a robust network -z^2)."""

    def __init__(self, path):
        super().__init__()
        with h5py.File(path, "r") as file:
            text = file.attrs["network"]
            self.description = json.loads(text if isinstance(text, str) else text.decode())
            self.classes = int(file.attrs["classes"])
            self.register_buffer("mean", torch.from_numpy(file["input/mean_image"][()]))
            layers, convolutions, fully_connected = [], 0, 0
            block = None
            for layer in self.description["layers"]:
                kind, settings = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
                if kind in ("convolution", "fully_connected"):
                    if kind == "convolution":
                        convolutions += 1
                        block, norm = f"conv{convolutions}", f"norm{convolutions}"
                    else:
                        fully_connected += 1
                        block, norm = f"fc{fully_connected}", f"norm_fc{fully_connected}"
                    weight = torch.from_numpy(file[f"model/{block}/weight"][()])
                    module = torch.nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]),
                                             stride=settings.get("stride", 1), padding=settings.get("padding", 0))
                    module.weight.data = weight
                    module.bias.data = torch.from_numpy(file[f"model/{block}/bias"][()])
                    layers.append(module)
                elif kind == "batch_normalization":
                    group = file[f"model/{norm}"]
                    stabilizer = float(group.attrs.get("stabilizer", self.description.get("stabilizer", 1e-4)))
                    module = torch.nn.BatchNorm2d(group["gamma"].shape[0], eps=stabilizer)
                    module.weight.data = torch.from_numpy(group["gamma"][()])
                    module.bias.data = torch.from_numpy(group["beta"][()])
                    module.running_mean = torch.from_numpy(group["running_mean"][()])
                    module.running_var = torch.from_numpy(group["running_variance"][()])
                    layers.append(module)
                elif kind == "activation":
                    layers.append(settings)
                elif kind == "pooling":
                    pad = settings.get("padding", 0)
                    layers.append(("pad", pad, settings["kind"], settings["size"], settings["stride"]))
        self.layers = layers
        self.parts = torch.nn.ModuleList(layer for layer in layers if isinstance(layer, torch.nn.Module))
        self.robust = bool(self.description.get("hybrid_loss"))
        self.eval()
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def forward(self, x):
        x = 255 * x - self.mean
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            if isinstance(layer, torch.nn.Module):
                x = layer(x)
            elif isinstance(layer, tuple):
                _, pad, kind, size, stride = layer
                if kind == "max":
                    x = torch.nn.functional.max_pool2d(torch.nn.functional.pad(x, (0, pad, 0, pad), value=-1e30), size, stride)
                else:
                    ones = torch.nn.functional.pad(torch.ones_like(x), (0, pad, 0, pad))
                    x = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (0, pad, 0, pad)), size, stride)
                    x = x / torch.nn.functional.avg_pool2d(ones, size, stride)
            elif layer == "relu":
                x = torch.relu(x)
            elif layer == "mrelu":
                x = torch.relu(1 - x.abs())
            elif layer == "rbf" and number == last and self.robust:
                # The last RBF belongs to the loss: the logits are -z^2.
                x = -x * x
            elif layer == "rbf":
                x = torch.exp(-x * x)
        return x.flatten(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True)
    parser.add_argument("--strength", type=float, default=0.1)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--square-queries", type=int, default=1000)
    parser.add_argument("--trust", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    import torchattacks

    network = Network(options.checkpoint)
    with h5py.File(options.checkpoint, "r") as file:
        dataset = file.attrs["dataset"]
    images, labels = data_sets.load(options.data, dataset, "test")
    x, y = images[:options.samples].float() / 255, labels[:options.samples].long()
    eps, queries = options.strength, options.square_queries

    ours = {"PGD-40": "pgd", "APGD-CE": "apgd-ce", "APGD-T": "apgd-t", "Square": f"square:queries={queries}",
            "FGSM": "fgsm:clipped=no"}
    with tempfile.TemporaryDirectory() as folder:
        command = [options.program, "evaluate", options.checkpoint, "--attacks", ",".join(["clean"] + list(ours.values())),
                   "--strengths", str(eps), "--samples", str(options.samples), "--output", folder, "--images", "--quiet",
                   "--data-directory", options.data] + (["--trust"] if options.trust else [])
        subprocess.run(command, check=True)
        with h5py.File(os.path.join(folder, "results.h5"), "r") as file:
            z = file["attacks/clean/output"][()]
            predictions = {name: file[f"attacks/{text}/prediction"][0] for name, text in ours.items()}
            moved = file[f"attacks/{ours['FGSM']}/image"][0]
    logits = -z * z if network.robust else z
    peer = network(x).numpy()
    difference = numpy.abs(numpy.sqrt(-peer) - numpy.abs(z)) if network.robust else numpy.abs(peer - z)
    print(f"largest difference of an output z: {difference.max():.2e} (largest |z| {numpy.abs(z).max():.1f})")

    leaf = x.clone().requires_grad_(True)
    gradient, = torch.autograd.grad(torch.nn.functional.cross_entropy(network(leaf), y, reduction="sum"), leaf)
    gradient = gradient.permute(0, 2, 3, 1).numpy()
    signs = numpy.sign(moved / 255 - x.permute(0, 2, 3, 1).numpy())
    counted = numpy.abs(gradient) > 1e-6 * numpy.abs(gradient).max(axis=(1, 2, 3), keepdims=True)
    print(f"equal signs of FGSM: {(signs == numpy.sign(gradient))[counted].mean():.5f} of {counted.sum()} pixels")

    outputs = logits.shape[1]
    peers = {
        "PGD-40": torchattacks.PGD(network, eps=eps, alpha=eps / 30, steps=40),
        "APGD-CE": torchattacks.APGD(network, eps=eps, steps=100, loss="ce"),
        "APGD-T": torchattacks.APGDT(network, eps=eps, steps=100, n_classes=min(10, outputs)),
        "Square": torchattacks.Square(network, eps=eps, n_queries=queries),
    }
    print(f"{'attack':10}{'ours':>8}{'peer':>8}{'ours - peer':>13}   ({options.samples} samples, eps {eps})")
    for name, attack in peers.items():
        own = (predictions[name] != y.numpy()).mean()
        found = (network(attack(x, y)).argmax(1) != y).float().mean().item()
        print(f"{name:10}{own:8.3f}{found:8.3f}{own - found:13.3f}", flush=True)
    try:
        import eagerpy as ep
        import foolbox
        model = foolbox.PyTorchModel(network, bounds=(0, 1))
        _, _, success = foolbox.attacks.LinfPGD(steps=40)(model, x, y, epsilons=eps)
        found, own = success.float().mean().item(), (predictions["PGD-40"] != y.numpy()).mean()
        print(f"{'Foolbox PGD':10}{own:8.3f}{found:8.3f}{own - found:13.3f}")
    except ImportError:
        print("foolbox is not installed: left out")


if __name__ == "__main__":
    main()
