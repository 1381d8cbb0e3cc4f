"""Networks of 3x3 convolutions on CIFAR-10: how `steadfast benchmark` is told of them, and the same in PyTorch.

`resnet20` and `cnn7` are the architectures of these names, `chain9` nine convolutions with 16, 32 and 64 channels, three of
each, the first of 32 and of 64 with stride 2, batch norm and ReLU behind each, the average over the image.
"""

import os

import networks


def chain9():
    """Layers as a recipe writes them."""
    layers = []
    for stage, channels in enumerate((16, 32, 64)):
        for number in range(3):
            stride = 2 if stage and not number else 1
            layers.append(
                f"convolution: {{channels: {channels}, size: 3, padding: 1, stride: {stride}, bias: false, deviation: 0.1}}")
            layers += ["batch_normalization", "activation: relu"]
    layers += ["global_average_pooling", "fully_connected: {channels: 10, deviation: 0.1}"]
    return "[" + ", ".join(f"{{{layer}}}" if ":" in layer else layer for layer in layers) + "]"


NETWORKS = {
    "resnet20": "{architecture: resnet, depth: 20, width: 16}",
    "chain9": "{architecture: custom, layers: " + chain9() + "}",
    "cnn7": "{architecture: cnn7}",
}


def recipe(name, folder):
    """The path of a recipe of the network, written into a folder."""
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(f"dataset: cifar10\nnetwork: {NETWORKS[name]}\nlearning_rate: 0.01\nweight_decay: 0.0005\n"
                   "mirroring: image\nshift: 4\n")
    return path


def network(name):
    """The network in PyTorch, with its own initial weights."""
    from torch import nn

    def convolution(inputs, channels, stride, bias):
        return [nn.Conv2d(inputs, channels, 3, stride, 1, bias=bias), nn.BatchNorm2d(channels), nn.ReLU()]

    if name == "resnet20":
        net = networks.network("cifar10", "plain", False, depth=20)
        for child, module in list(net.named_children()):
            if isinstance(module, networks.BatchNorm):
                setattr(net, child, nn.BatchNorm2d(len(module.gamma)))
        return net
    layers, inputs = [], 3
    if name == "chain9":
        for stage, channels in enumerate((16, 32, 64)):
            for number in range(3):
                layers += convolution(inputs, channels, 2 if stage and not number else 1, False)
                inputs = channels
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))
    for channels, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (128, 1)):
        layers += convolution(inputs, channels, stride, True)
        inputs = channels
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(inputs * 16 * 16, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 10))
